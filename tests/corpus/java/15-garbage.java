public class Main {
	public static void main(String[] args) {
		long sum = 0;
		for (int i = 0; i < 2_000; i++) sum += new byte[500_000].length + String.valueOf(i).length();
		System.out.println(sum);
	}
}
