// Files beside Main are compiled as well, also those that nothing names.
public class Main {
    public static void main(String[] args) throws Exception {
        System.out.println(new shapes.Square(3).area());
        System.out.println(Class.forName("hidden.Extra").getDeclaredConstructor().newInstance());
    }
}
