import java.util.Scanner;

public class Main {
	public static void main(String[] args) {
		Scanner in = new Scanner(System.in);
		int sum = 0;
		while (in.hasNext()) {
			if (in.hasNextInt()) sum += in.nextInt();
			else System.out.println("not a number: " + in.next());
		}
		System.out.println(sum);
	}
}
