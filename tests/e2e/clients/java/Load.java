import java.io.IOException;
import java.net.URI;

/** Prints what a URL answers; the JVM's trust store decides: {@code java Load URL}. */
final class Load {
    public static void main(String[] arguments) throws IOException {
        try (var page = URI.create(arguments[0]).toURL().openStream()) {
            page.transferTo(System.out);
        }
        System.out.flush();
    }
}
