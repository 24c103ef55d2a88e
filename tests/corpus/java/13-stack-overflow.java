public class Main {
	static int deep(int n) { return 1 + deep(n + 1); }
	public static void main(String[] args) {
		try { deep(0); } catch (StackOverflowError e) { System.out.println("caught " + e); }
	}
}
