public class Main {
	public static void main(String[] args) {
		System.out.println("before");
		for (long i = 0; i >= 0; i = (i + 1) & 0xffff) {}
	}
}
