public class Main {
	public static void main(String[] args) {
		System.out.println("hello world " + args.length);
		for (String a : args) System.out.println(a);
		System.err.println("to stderr");
	}
}
