import java.util.*;
import java.util.stream.*;

public class Main {
	sealed interface Shape permits Circle, Square {}
	record Circle(double r) implements Shape {}
	record Square(double side) implements Shape {}
	enum Colour { RED, GREEN; Colour next() { return values()[(ordinal() + 1) % values().length]; } }

	static double area(Shape s) {
		if (s instanceof Circle c) return Math.PI * c.r() * c.r();
		return s instanceof Square q ? q.side() * q.side() : 0;
	}

	public static void main(String[] args) {
		System.out.printf(Locale.ROOT, "%.3f %s %s%n", area(new Circle(2)), new Square(3), Colour.GREEN.next());
		System.out.println(IntStream.rangeClosed(1, 5).boxed().collect(Collectors.groupingBy(n -> n % 2 == 0, TreeMap::new, Collectors.toList())));
		System.out.println("""
			a text
			  block ünï→😀""" + switch (args.length) { case 0 -> "none"; default -> "some"; });
		System.out.println(Integer.MAX_VALUE + 1 + " " + (0.1 + 0.2) + " " + (char) ('a' + 1) + " " + -7 / 2 + " " + -7 % 3 + " " + Long.toHexString(-1) + " " + new int[0].length);
		System.out.println(new java.math.BigInteger("2").pow(200) + " " + new java.math.BigDecimal("0.10").add(new java.math.BigDecimal("0.20")));
	}
}
