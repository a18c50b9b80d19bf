// Java's clients of the matrix: see clients.py for what each word asks.
// Client apache|jdk|okhttp STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

public class Client {
  interface Caller {
    String call(String method, Story story) throws Exception;
  }

  record Story(String path, boolean posts, byte[] body, boolean sized, int wanted) {}

  static final byte[] SMALL = new byte[1024];
  static final byte[] BIG = new byte[4 << 20];
  static final byte[] CRUMBS = new byte[5_000];
  static final int LARGE = 8 << 20;
  static final Story PAGE = new Story("/page", false, null, true, SMALL.length);
  static final Map<String, Story> STORIES = Map.ofEntries(
      Map.entry("get", PAGE),
      Map.entry("post", new Story("/echo", true, SMALL, true, SMALL.length)),
      Map.entry("chunked", new Story("/echo", true, SMALL, false, SMALL.length)),
      Map.entry("crumbs", new Story("/echo", true, CRUMBS, false, CRUMBS.length)),
      Map.entry("empty", new Story("/echo", true, null, true, 0)),
      Map.entry("refused", new Story("/refuse", true, BIG, true, -1)),
      Map.entry("denied", new Story("/denied", true, SMALL, false, -1)),
      Map.entry("drip", new Story("/drip", false, null, true, 100_000)),
      Map.entry("slow", new Story("/large", false, null, true, LARGE)),
      Map.entry("watch", new Story("/watch", false, null, true, 2)),
      Map.entry("ends", new Story("/ends", false, null, true, SMALL.length)),
      Map.entry("restart", PAGE),
      Map.entry("race", PAGE));

  /** Gives one byte with each read, as far as a client lets it. */
  static class ByByte extends java.io.ByteArrayInputStream {
    ByByte(byte[] bytes) { super(bytes); }
    @Override public synchronized int read(byte[] into, int from, int most) {
      return super.read(into, from, Math.min(most, 1));
    }
  }

  static InputStream stream(byte[] body) {
    return body == CRUMBS ? new ByByte(body) : new java.io.ByteArrayInputStream(body);
  }

  /** How much comes; a large answer is read slowly. */
  static long read(InputStream answer, int wanted) throws Exception {
    byte[] buffer = new byte[64 * 1024];
    long got = 0, paused = 0;
    for (int count; (count = answer.read(buffer)) >= 0; ) {
      got += count;
      if (wanted == LARGE && got >> 20 > paused) {
        paused = got >> 20;
        Thread.sleep(50);
      }
    }
    return got;
  }

  static X509TrustManager trust;
  static SSLContext tls;

  static void trust(String ca) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (InputStream file = Files.newInputStream(Path.of(ca))) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
    factory.init(store);
    trust = (X509TrustManager) factory.getTrustManagers()[0];
    tls = SSLContext.getInstance("TLS");
    tls.init(null, factory.getTrustManagers(), null);
  }

  static String judge(int status, long got, int wanted) {
    return wanted < 0 || got == wanted ? "" + status : status + " with " + got + " bytes";
  }

  static Caller apache(String base) throws Exception {
    var manager = org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder.create()
        .setMaxConnTotal(64).setMaxConnPerRoute(64);
    if (tls != null) {
      manager.setTlsSocketStrategy(new org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy(tls));
    }
    var client = org.apache.hc.client5.http.impl.classic.HttpClients.custom()
        .setConnectionManager(manager.build()).disableAutomaticRetries().build();
    return (method, story) -> {
      var request = new org.apache.hc.client5.http.classic.methods.HttpUriRequestBase(method, URI.create(base + story.path));
      if (story.body != null) {
        request.setEntity(new org.apache.hc.core5.http.io.entity.InputStreamEntity(
            stream(story.body), story.sized ? story.body.length : -1,
            org.apache.hc.core5.http.ContentType.TEXT_PLAIN));
      }
      return client.execute(request, answer -> {
        try {
          var entity = answer.getEntity();
          long got = entity == null ? 0 : read(entity.getContent(), story.wanted);
          return judge(answer.getCode(), got, story.wanted);
        } catch (java.io.IOException error) {
          throw error;
        } catch (Exception error) {
          throw new java.io.IOException(error);
        }
      });
    };
  }

  static Caller jdk(String base, String version) {
    var builder = java.net.http.HttpClient.newBuilder().version(version.equals("h2")
        ? java.net.http.HttpClient.Version.HTTP_2 : java.net.http.HttpClient.Version.HTTP_1_1);
    if (tls != null) builder.sslContext(tls);
    var client = builder.build();
    return (method, story) -> {
      var publisher = story.body == null ? java.net.http.HttpRequest.BodyPublishers.noBody()
          : story.sized ? java.net.http.HttpRequest.BodyPublishers.ofByteArray(story.body)
                        : java.net.http.HttpRequest.BodyPublishers.ofInputStream(() -> stream(story.body));
      var request = java.net.http.HttpRequest.newBuilder(URI.create(base + story.path)).method(method, publisher).build();
      var answer = client.send(request, java.net.http.HttpResponse.BodyHandlers.ofInputStream());
      try (var body = answer.body()) {
        return judge(answer.statusCode(), read(body, story.wanted), story.wanted);
      }
    };
  }

  static Caller okhttp(String base, String version) {
    var builder = new okhttp3.OkHttpClient.Builder().retryOnConnectionFailure(false)
        .connectionPool(new okhttp3.ConnectionPool(64, 1, TimeUnit.MINUTES));
    if (tls != null) {
      builder.sslSocketFactory(tls.getSocketFactory(), trust);
      if (version.equals("h1")) builder.protocols(java.util.List.of(okhttp3.Protocol.HTTP_1_1));
    } else {
      builder.protocols(java.util.List.of(version.equals("h2")
          ? okhttp3.Protocol.H2_PRIOR_KNOWLEDGE : okhttp3.Protocol.HTTP_1_1));
    }
    var client = builder.build();
    return (method, story) -> {
      okhttp3.RequestBody sent = null;
      if (method.equals("POST")) {
        byte[] bytes = story.body == null ? new byte[0] : story.body;
        sent = story.sized ? okhttp3.RequestBody.create(bytes) : new okhttp3.RequestBody() {
          public okhttp3.MediaType contentType() { return null; }
          public void writeTo(okio.BufferedSink sink) throws java.io.IOException {
            for (int at = 0, step = bytes == CRUMBS ? 1 : bytes.length; at < bytes.length; at += step) {
              sink.write(bytes, at, step);
              sink.flush();
            }
          }
        };
      }
      try (var answer = client.newCall(new okhttp3.Request.Builder().url(base + story.path).method(method, sent).build()).execute()) {
        return judge(answer.code(), read(answer.body().byteStream(), story.wanted), story.wanted);
      }
    };
  }

  public static void main(String[] args) throws Exception {
    String base = args[2];
    if (args.length > 5) trust(args[5]);
    Caller caller = switch (args[0]) {
      case "apache" -> apache(base);
      case "jdk" -> jdk(base, args[4]);
      default -> okhttp(base, args[4]);
    };
    Told.tell(args, (name, number) -> {
      Story story = STORIES.get(name);
      return caller.call(story.posts ? "POST" : "GET", story);
    });
  }
}
