// Request heads, lines and fields: every abuse that they can hold, by its number.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

using namespace std::string_view_literals;

constexpr Cause kGood = Cause::kNone;
constexpr Cause kMalformed = Cause::kMalformedRequest;

TEST(RequestHead, Case36RefusesABareLineFeedOnAnyLine) {
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\nHost: a\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\nHost: a\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\nHost: a\r\n\n"), kMalformed);
  EXPECT_EQ(cause_of_request("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), kMalformed);
}

TEST(RequestHead, Case36IsRefusedByTheParserAloneToo) {
  for (const auto head :
       {"GET / HTTP/1.1\nHost: a\r\n\r\n"sv, "GET / HTTP/1.1\r\nHost: a\n\r\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n"sv, "GET / HTTP/1.1\r\nHost: a\r\n\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\n"sv, "GET / HTTP/1.1"sv, ""sv, "GET / HTTP/1.1\r\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nX: b\r\n\r\n"sv}) {
    Arena arena({});
    const auto result = parse_request_head(arena.copy(head), arena, {});
    ASSERT_FALSE(result) << head;
    EXPECT_EQ(result.error(), kMalformed);
  }
}

TEST(RequestHead, Case37RefusesABareCarriageReturnInAValue) {
  EXPECT_EQ(cause_of_lines("X: a\rb\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("X: a\r\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("X: \rb\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("Connection: a\rb\r\n"), kMalformed);
}

TEST(RequestHead, Case38RefusesNulEverywhere) {
  EXPECT_EQ(cause_of_lines("X\0Y: a\r\n"sv), kMalformed);
  EXPECT_EQ(cause_of_lines("X: a\0b\r\n"sv), kMalformed);
  EXPECT_EQ(cause_of_lines("Proxy-Connection: a\0b\r\n"sv), kMalformed);
  EXPECT_EQ(cause_of_request(request_with("", "GET /a\0b HTTP/1.1"sv)), kMalformed);
  EXPECT_EQ(cause_of_request(request_with("", "G\0T / HTTP/1.1"sv)), kMalformed);
}

TEST(RequestHead, Case39RefusesControlsInValuesButHtab) {
  for (const auto* name :
       {"X", "Connection", "Upgrade", "Keep-Alive", "Proxy-Connection", "Cookie"}) {
    for (int c = 1; c < 0x80; c = c == 0x1F ? 0x7F : c + 1) {
      const std::string line = std::string(name) + ": k" + static_cast<char>(c) + "k\r\n";
      if (c == '\t') continue;
      EXPECT_EQ(cause_of_lines(line), kMalformed) << name << c;
    }
  }
  EXPECT_EQ(read_request(request_with("X: a\tb\r\n")).head.fields.find("x")->value, "a\tb");
}

TEST(RequestHead, Case39RefusesControlsWhereverLlhttpReadsAValueByItself) {
  for (const auto* name : {"Connection", "Proxy-Connection", "Upgrade"}) {
    for (const auto* value :
         {"close\x01", "keep-alive\x01", "x, \x01", "close \x01", "upgrade,\x7f", "\x01"}) {
      EXPECT_EQ(cause_of_lines(std::string(name) + ": " + value + "\r\n"), kMalformed)
          << name << value;
    }
  }
}

TEST(RequestHead, Case40PassesHighBytesUnchangedAndUntrimmed) {
  for (int c = 0x80; c <= 0xFF; ++c) {
    const std::string value = {static_cast<char>(c), 'v', static_cast<char>(c)};
    const auto parsed = read_request(request_with("X: " + value + "\r\n"));
    ASSERT_EQ(parsed.cause, kGood) << c;
    EXPECT_EQ(parsed.head.fields.find("x")->value, value);
    EXPECT_NE(written(parsed.head).find("X: " + value + "\r\n"), std::string::npos);
  }
}

TEST(RequestHead, Case41RefusesFoldedLines) {
  for (const auto* lines :
       {"X: a\r\n b\r\n", "X: a\r\n\tb\r\n", "X:\r\n b\r\n", "X: a\r\n \r\n", "X:\r\n \r\n",
        "X: a\r\n b\r\n c\r\n", "Cookie: a\r\n b\r\nY: c\r\n", "Content-Length: 1\r\n 2\r\n",
        "Connection: close\r\n keep-alive\r\n"}) {
    EXPECT_EQ(cause_of_lines(lines), kMalformed) << lines;
  }
}

TEST(RequestHead, Case42RefusesAFirstLineThatBeginsWithSpace) {
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\n\tX: a\r\nHost: a\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"), kMalformed);
}

TEST(RequestHead, Case43RefusesAnEmptyName) {
  EXPECT_EQ(cause_of_lines(": x\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("A: b\r\n:\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\n: x\r\nHost: a\r\n\r\n"), kMalformed);
}

TEST(RequestHead, Case44RefusesALineWithoutAColon) {
  EXPECT_EQ(cause_of_lines("X\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("X\r\nY: z\r\n"), kMalformed);
  EXPECT_EQ(cause_of_lines("X y\r\n"), kMalformed);
}

TEST(RequestHead, Case45TakesOnlyTokensForNames) {
  const std::string_view special = "!#$%&'*+-.^_`|~";
  for (int c = 0; c <= 0xFF; ++c) {
    const char text = static_cast<char>(c);
    if (text == ':' || text == '\n') continue;
    const bool token = c < 0x80 && (std::isalnum(c) != 0 ||
                                    (c != 0 && special.find(text) != std::string_view::npos));
    const std::string name = {'X', text, 'Y'};
    EXPECT_EQ(cause_of_lines(name + ": v\r\n"), token ? kGood : kMalformed) << c;
  }
}

TEST(RequestHead, Case46DemandsExactlyOneValidHost) {
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_request("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), kMalformed);
  for (const auto value : {"a, b"sv,   "a,b"sv,  "a/b"sv,     "u@a"sv,     "u:p@a"sv,
                           "a b"sv,    "a:b"sv,  "a:80:80"sv, "a:65536"sv, "a:-1"sv,
                           ":80"sv,    ""sv,     "a?x"sv,     "a#x"sv,     "[::1"sv,
                           "[::1]x"sv, "[zz]"sv, "[]"sv,      "::1"sv,     "[fe80::1%eth0]"sv,
                           "a\\b"sv,   "<a>"sv,  "\xE4"sv,    "a%41"sv,    "a\0b"sv}) {
    EXPECT_EQ(cause_of_request("GET / HTTP/1.1\r\nHost: " + std::string(value) + "\r\n\r\n"),
              kMalformed)
        << value;
  }
  for (const auto* value :
       {"a", "a.b:80", "10.0.0.1:8080", "[::1]", "[::1]:80", "a_b.svc", "a:0", "a:65535"}) {
    const auto parsed = read_request("GET / HTTP/1.1\r\nHost: " + std::string(value) + "\r\n\r\n");
    ASSERT_EQ(parsed.cause, kGood) << value;
    EXPECT_EQ(parsed.head.authority, value);
  }
  EXPECT_EQ(read_request("GET / HTTP/1.0\r\n\r\n").head.authority, "");
}

TEST(RequestHead, Case47TakesTheAuthorityOfTheTarget) {
  const auto parsed = read_request("GET HTTP://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_TRUE(parsed.head.absolute_form);
  EXPECT_EQ(parsed.head.authority, "b:81");
  EXPECT_EQ(parsed.head.target, "/x?y");
  EXPECT_EQ(written(parsed.head), "GET /x?y HTTP/1.1\r\nHost: b:81\r\n\r\n");
}

TEST(RequestHead, Case47ReadsEveryAbsoluteForm) {
  EXPECT_EQ(read_request(request_with("", "GET http://b HTTP/1.1")).head.target, "/");
  EXPECT_EQ(read_request(request_with("", "GET http://b?q HTTP/1.1")).head.target, "/?q");
  EXPECT_EQ(read_request(request_with("", "OPTIONS http://b HTTP/1.1")).head.target, "*");
  EXPECT_EQ(cause_of_request(request_with("", "GET //b/ HTTP/1.1")), kGood);
  for (const auto* target : {"http://", "http:///x", "http://u@b/", "http:/b", "http://b:x/",
                             "http://b,c/", "://b/", "1a://b/", "a_b://b/", "b/http://b/"}) {
    EXPECT_EQ(cause_of_request(request_with("", std::string("GET ") + target + " HTTP/1.1")),
              kMalformed)
        << target;
  }
}

TEST(RequestHead, KeepsWhatAProxyIsToldApart) {
  for (const std::string target : {"https://b/x?y", "ftp://b/pub", "http://b"}) {
    const auto parsed = read_request(
        request_with("Proxy-Authorization: Basic x\r\n", "GET " + target + " HTTP/1.1"));
    ASSERT_EQ(parsed.cause, kGood) << target;
    EXPECT_EQ(parsed.head.authority, "b");
    EXPECT_EQ(parsed.head.proxy_target, target);
    EXPECT_EQ(parsed.head.proxy_authorization, "Basic x");
    EXPECT_EQ(written(parsed.head, {.close = false, .via = {}, .to_proxy = true}),
              "GET " + target + " HTTP/1.1\r\nHost: b\r\nProxy-Authorization: Basic x\r\n\r\n");
    EXPECT_EQ(written(parsed.head).find("Basic"), std::string::npos);
  }
  const auto origin = read_request(request_with("Proxy-Authorization: Basic x\r\n"));
  EXPECT_EQ(origin.head.proxy_target, "");
  EXPECT_EQ(origin.head.proxy_authorization, "");
}

TEST(RequestHead, Case48RefusesAFragment) {
  EXPECT_EQ(cause_of_request(request_with("", "GET /a#b HTTP/1.1")), kMalformed);
  EXPECT_EQ(cause_of_request(request_with("", "GET /a?b#c HTTP/1.1")), kMalformed);
}

TEST(RequestHead, Case49RefusesSpaceControlsAndHighBytesInTheTarget) {
  for (int c = 0; c <= 0xFF; ++c) {
    if (c == '\n' || (c > 0x20 && c < 0x7F)) continue;
    for (const size_t before : {1U, 15U, 40U}) {
      const std::string target = "/" + std::string(before, 'a') + static_cast<char>(c) + "b";
      EXPECT_EQ(cause_of_request(request_with("", "GET " + target + " HTTP/1.1")), kMalformed) << c;
    }
  }
}

TEST(RequestHead, Case50RefusesTargetsOfNoForm) {
  for (const auto* start : {"GET a HTTP/1.1", "GET  HTTP/1.1", "GET HTTP/1.1", "GET // HTTP/1.1",
                            "GET * HTTP/1.1", "POST * HTTP/1.1", "GET ?x HTTP/1.1",
                            "OPTIONS *x HTTP/1.1", "GET a:80 HTTP/1.1", "GET ../a HTTP/1.1"}) {
    EXPECT_EQ(cause_of_request(request_with("", start)), kMalformed) << start;
  }
  EXPECT_EQ(read_request(request_with("", "OPTIONS * HTTP/1.1")).head.target, "*");
}

TEST(RequestHead, Case51KnowsTwoVersions) {
  for (const auto* version : {"HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/9.9"}) {
    EXPECT_EQ(cause_of_request(request_with("", "GET / " + std::string(version))),
              Cause::kUnsupportedVersion);
  }
  for (const auto* version : {"http/1.1", "HTTP/1.10", "HTTP/1", "HTTP/1.1 ", "HTTP/01.1",
                              "HTCPCP/1.0", "HTTP /1.1", "", "HTTP/1,1"}) {
    EXPECT_EQ(cause_of_request(request_with("", "GET / " + std::string(version))), kMalformed)
        << version;
  }
  EXPECT_EQ(cause_of_request("GET /\r\n\r\n"), kMalformed);
}

TEST(RequestHead, Case52RefusesMoreThanOneSpaceInTheRequestLine) {
  for (const auto* start : {"GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET\t/ HTTP/1.1",
                            "GET /\tHTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 "}) {
    EXPECT_EQ(cause_of_request(request_with("", start)), kMalformed) << start;
  }
}

TEST(RequestHead, Case53RefusesMethodsThatAreNoTokenOrTooLong) {
  for (const auto& method : {std::string("G(T"), std::string("GET:"), std::string("G\"T"),
                             std::string("G/T"), std::string("G\xC3T"), std::string(65, 'M'),
                             std::string(8192, 'M'), std::string(20000, 'M')}) {
    EXPECT_EQ(cause_of_request(request_with("", method + " / HTTP/1.1")), kMalformed)
        << method.size();
  }
  EXPECT_EQ(cause_of_request(request_with("", std::string(64, 'M') + " / HTTP/1.1")), kGood);
}

TEST(RequestHead, Case54BoundsFieldsHeadAndTarget) {
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "X: y\r\n";
  EXPECT_EQ(cause_of_lines(lines), kGood);
  EXPECT_EQ(cause_of_lines(lines + "X: y\r\n"), Cause::kRequestHeadTooLarge);
  EXPECT_EQ(cause_of_lines("X: " + std::string(65536, 'y') + "\r\n"), Cause::kRequestHeadTooLarge);
  const std::string longest = "/" + std::string(8191, 'a');
  EXPECT_EQ(cause_of_request(request_with("", "GET " + longest + " HTTP/1.1")), kGood);
  EXPECT_EQ(cause_of_request(request_with("", "GET " + longest + "a HTTP/1.1")),
            Cause::kTargetTooLong);
  EXPECT_EQ(cause_of_request(request_with("", "GET " + longest + longest + " HTTP/1.1")),
            Cause::kTargetTooLong);
}

TEST(RequestHead, Case54CountsFieldsThatAreNotKept) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "content_length: 1\r\n";
  EXPECT_EQ(cause_of_lines(lines), Cause::kRequestHeadTooLarge);
}

TEST(RequestHead, Case55RefusesAnEncodedNulInThePathAndForwardsTheOriginalBytes) {
  EXPECT_EQ(cause_of_request(request_with("", "GET /a%00b HTTP/1.1")), kMalformed);
  EXPECT_EQ(cause_of_request(request_with("", "GET /%25%00 HTTP/1.1")), kMalformed);
  EXPECT_EQ(cause_of_request(request_with("", "GET /a?b=%00 HTTP/1.1")), kGood);
  const auto parsed = read_request(request_with("", "GET /a/../%2e%2E//b;x%2f HTTP/1.1"));
  EXPECT_EQ(parsed.head.target, "/a/../%2e%2E//b;x%2f");
  EXPECT_TRUE(written(parsed.head).starts_with("GET /a/../%2e%2E//b;x%2f HTTP/1.1\r\n"));
}

TEST(RequestHead, Case59DropsWhatConnectionNominates) {
  const auto parsed = read_request(
      request_with("Connection: X-Secret, x-other\r\nX-SECRET: 1\r\nX-Kept: 2\r\nX-Other: 3\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  ASSERT_EQ(parsed.head.fields.size(), 1U);
  EXPECT_EQ(parsed.head.fields.begin()->name, "X-Kept");
}

TEST(RequestHead, Case60RefusesToNominateFramingRoutingAndTrustedFields) {
  for (const auto* name :
       {"X-Forwarded-For", "x-forwarded-proto", "Host", "Content-Length", "Transfer-Encoding",
        "Authorization", "Cookie", "Forwarded", "X-Real-IP"}) {
    EXPECT_EQ(cause_of_lines("Connection: " + std::string(name) + "\r\n"), kMalformed) << name;
    EXPECT_EQ(cause_of_lines("Connection: close, " + std::string(name) + "\r\n"), kMalformed)
        << name;
  }
  EXPECT_EQ(cause_of_lines("Connection: \"close\"\r\n"), kMalformed);
}

TEST(RequestHead, Case60BoundsTheNominations) {
  std::string names;
  for (int i = 0; i < 33; ++i) names += "x" + std::to_string(i) + ",";
  EXPECT_EQ(cause_of_lines("Connection: " + names + "\r\n"), kMalformed);
  std::string lines;
  for (int i = 0; i < 16; ++i) lines += "Connection: close\r\n";
  EXPECT_EQ(cause_of_lines(lines), kGood);
  EXPECT_EQ(cause_of_lines(lines + "Connection: close\r\n"), kMalformed);
  std::string few;
  for (int i = 0; i < 11; ++i) few += "Connection: a, b, c\r\n";
  EXPECT_EQ(cause_of_lines(few), kMalformed) << "they count over all lines";
}

TEST(RequestHead, Case61DropsEveryHopField) {
  const auto parsed = read_request(request_with(
      "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip;q=0.5, trailers\r\n"
      "Trailer: X-Sum\r\nUpgrade: websocket\r\nProxy-Authorization: Basic x\r\nHTTP2-Settings: "
      "AA\r\n"
      "Connection: TE, keep-alive\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_TRUE(parsed.head.fields.empty()) << "without a chunked body there are no trailers either";
  EXPECT_TRUE(parsed.head.te_trailers);
  EXPECT_EQ(parsed.head.upgrade, "") << "Connection does not nominate it";
  EXPECT_EQ(written(parsed.head),
            "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
  EXPECT_FALSE(read_request(request_with("TE: deflate\r\n")).head.te_trailers);
}

TEST(RequestHead, Case62IgnoresAnUpgradeToH2c) {
  const auto parsed =
      read_request(request_with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: "
                                "h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 1\r\n"));
  ASSERT_EQ(parsed.cause, kGood);
  EXPECT_EQ(parsed.head.upgrade, "");
  EXPECT_EQ(written(parsed.head), "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: ";
  EXPECT_EQ(read_request(request_with(upgrade + "TLS/1.2\r\n")).head.upgrade, "");
  EXPECT_EQ(read_request(request_with(upgrade + "H2C, websocket, tls\r\n")).head.upgrade,
            "websocket");
}

TEST(RequestHead, Case63TakesAnUpgradeWithABodyOfKnownLengthOnly) {
  const std::string upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
  const auto chunked = read_request(request_with(upgrade + "Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(chunked.cause, kGood);
  EXPECT_EQ(chunked.head.upgrade, "");
  EXPECT_EQ(chunked.head.framing, Framing::kChunked);
  const auto sized = read_request(request_with(upgrade + "Content-Length: 1\r\n"));
  EXPECT_EQ(sized.head.upgrade, "websocket");
  EXPECT_EQ(sized.head.content_length, 1);
  EXPECT_FALSE(sized.head.begins_tunnel());
  const auto parsed = read_request(request_with(upgrade));
  EXPECT_EQ(parsed.head.upgrade, "websocket");
  EXPECT_NE(written(parsed.head).find("Upgrade: websocket\r\nConnection: Upgrade\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace outrigger::http
