import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Post one fact with the JDK alone; the same event, with the same id, is sent again while intake is away. */
public class Post {
    public static void main(String[] args) throws InterruptedException {
        String intake = System.getenv().getOrDefault("SHIXIAN_INTAKE", "http://127.0.0.1:8701");
        String event = """
            {"specversion": "1.0", "type": "org.shixian.receipt-confirmed.v1", "source": "urn:example:intake",
             "id": "%s", "subject": "2025-0001", "data": {"confirmed_on": "2025-03-03"}}
            """.formatted(args[0]);
        HttpRequest.Builder call = HttpRequest.newBuilder(URI.create(intake + "/v1/events"))
            .header("content-type", "application/cloudevents+json")
            .POST(HttpRequest.BodyPublishers.ofString(event));
        String token = System.getenv("SHIXIAN_TOKEN");
        if (token != null) call.header("authorization", "Bearer " + token);
        HttpClient http = HttpClient.newHttpClient();
        double waited = 0;
        for (double pause = 0.2; ; pause = Math.min(pause * 2, 10)) {
            String reason;
            try {
                HttpResponse<String> answer = http.send(call.build(), HttpResponse.BodyHandlers.ofString());
                if (answer.statusCode() == 202) {
                    System.out.println(answer.body());
                    return;
                }
                reason = answer.statusCode() + " " + answer.body();
                if (answer.statusCode() != 429 && answer.statusCode() != 503) fail(reason);
                pause = Math.max(pause, answer.headers().firstValueAsLong("retry-after").orElse(0));
            } catch (IOException error) {
                reason = String.valueOf(error.getMessage());
            }
            if (waited + pause > 60) fail("no answer in " + waited + " s: " + reason);
            Thread.sleep((long) (pause * 1000));
            waited += pause;
        }
    }

    private static void fail(String reason) {
        System.err.println(reason);
        System.exit(1);
    }
}
