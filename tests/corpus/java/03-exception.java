public class Main {
	static void inner() { throw new IllegalStateException("it went wrong", new RuntimeException("because")); }
	public static void main(String[] args) {
		try { Object o = null; o.toString(); } catch (NullPointerException e) { System.out.println(e.getMessage()); }
		inner();
	}
}
