import java.util.*;

public class Main {
	public static void main(String[] args) {
		List<byte[]> keep = new ArrayList<>();
		System.out.println("before");
		while (true) keep.add(new byte[10_000_000]);
	}
}
