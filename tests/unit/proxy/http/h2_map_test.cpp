// What HTTP/2 may say and what becomes of it: RFC 9113 sections 8.2 and 8.3.
#include "proxy/http/h2_map.hpp"

#include "proxy/http/h2_write.hpp"
#include "tests/unit/proxy/http/h2_support.hpp"

namespace outrigger::http {
namespace {

std::string text_of(H2FieldSpan fields) {
  std::string text;
  for (const nghttp2_nv& field : fields) {
    text.append(reinterpret_cast<const char*>(field.name), field.namelen).append(": ");
    text.append(reinterpret_cast<const char*>(field.value), field.valuelen).append("\n");
  }
  return text;
}

constexpr Cause kGood = Cause::kNone;
constexpr Cause kBad = Cause::kMalformedRequest;
constexpr std::string_view kNul("a\0b", 3);

Lines request_lines(std::string_view method, std::string_view path) {
  return {{":method", method}, {":scheme", "http"}, {":authority", "a"}, {":path", path}};
}

// GET / with these behind it.
Cause with(const Lines& more, bool ended = true) {
  Lines lines = request_lines("GET", "/");
  lines.insert(lines.end(), more.begin(), more.end());
  return ReadHead().read_request(lines, ended);
}
Cause cause_of_path(std::string_view path, std::string_view method = "GET") {
  return ReadHead().read_request(request_lines(method, path));
}
Cause cause_of_method(std::string_view method) { return cause_of_path("/", method); }
Cause cause_of_scheme(std::string_view scheme) {
  return ReadHead().read_request(
      {{":method", "GET"}, {":scheme", scheme}, {":authority", "a"}, {":path", "/"}});
}
Cause cause_of_authority(std::string_view authority) {
  return ReadHead().read_request(
      {{":method", "GET"}, {":scheme", "http"}, {":authority", authority}, {":path", "/"}});
}

TEST(H2Map, RefusesNamesAndValuesThatCouldEndALine) {
  for (const std::string_view value : {std::string_view("a\rb"), std::string_view("a\nb"), kNul,
                                       std::string_view("a\x01"), std::string_view("a\x7f")}) {
    EXPECT_EQ(with({{"x", value}}), kBad) << value;
    EXPECT_EQ(cause_of_path(value), kBad);
    EXPECT_EQ(cause_of_authority(value), kBad);
    EXPECT_EQ(cause_of_method(value), kBad);
    EXPECT_EQ(with({{value, "x"}}), kBad);
  }
  for (const std::string_view name : {"", "a b", "a:b", "Upper", "x-Y", "a\x80"}) {
    EXPECT_EQ(with({{name, "x"}}), kBad) << name;
  }
  EXPECT_EQ(with({{"x", "a\tb \x80"}, {"empty", ""}}), kGood);
}

TEST(H2Map, TrimsBlanksAroundAValue) {
  for (const std::string_view value : {" a", "a ", "\ta", "a\t "}) {
    ReadHead head;
    Lines lines = request_lines("GET", "/");
    lines.emplace_back("x", value);
    EXPECT_EQ(head.read_request(lines), kGood) << value;
    EXPECT_EQ(text_of(head.request.fields), "x: a\n");
    EXPECT_EQ(head.read_trailers({{"x", value}}), kGood);
    EXPECT_EQ(text_of(head.trailers), "x: a\n");
    EXPECT_EQ(cause_of_path(value), kBad);
    EXPECT_EQ(cause_of_method(value), kBad);
  }
}

TEST(H2Map, RefusesWhatIsSpecificToAConnection) {
  EXPECT_EQ(with({{"transfer-encoding", "chunked"}}), kBad);
  EXPECT_EQ(with({{"connection", "close"}}), kBad);
  EXPECT_EQ(with({{"keep-alive", "timeout=5"}}), kBad);
  EXPECT_EQ(with({{"proxy-connection", "close"}}), kBad);
  EXPECT_EQ(with({{"upgrade", "websocket"}}), kBad);
  EXPECT_EQ(with({{"te", "gzip"}}), kBad);
  EXPECT_EQ(with({{"te", "trailers, gzip"}}), kBad);
}

TEST(H2Map, SaysThatTrailersAreWelcome) {
  ReadHead head;
  Lines lines = request_lines("GET", "/");
  lines.emplace_back("te", "trailers");
  EXPECT_EQ(head.read_request(lines), kGood);
  EXPECT_TRUE(head.request.te_trailers);
  EXPECT_TRUE(head.request.fields.empty());
}

TEST(H2Map, LeavesOutOtherHopFieldsAndImitations) {
  ReadHead head;
  Lines lines = request_lines("GET", "/");
  lines.insert(lines.end(), {{"trailer", "x"},
                             {"proxy-authorization", "Basic eA=="},
                             {"http2-settings", "AAA"},
                             {"content_length", "5"},
                             {"x_forwarded_for", "1.2.3.4"},
                             {"x_mine", "stays"}});
  EXPECT_EQ(head.read_request(lines), kGood);
  EXPECT_EQ(text_of(head.request.fields), "trailer: x\nx_mine: stays\n");
}

TEST(H2Map, TakesOnlyOriginFormAsPath) {
  for (const std::string_view path :
       {"", "a", "http://a/", "//", "/a b", "/a#b", "/\x80", "*", "/%00", "/a\r\nb: c"}) {
    EXPECT_EQ(cause_of_path(path), kBad) << path;
  }
  EXPECT_EQ(ReadHead().read_request({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}),
            kBad);
  EXPECT_EQ(cause_of_path("*", "OPTIONS"), kGood);
  EXPECT_EQ(cause_of_path("//a"), kGood);
  EXPECT_EQ(cause_of_path("/?q=%00"), kGood);
  EXPECT_EQ(cause_of_path("/" + std::string(8 * 1024, 'a')), Cause::kTargetTooLong);
}

TEST(H2Map, TakesAnyTokenAsMethodExceptOne) {
  EXPECT_EQ(cause_of_method(""), kBad);
  EXPECT_EQ(cause_of_method("GET /"), kBad);
  EXPECT_EQ(cause_of_method("G(T"), kBad);
  EXPECT_EQ(cause_of_method(std::string(65, 'G')), kBad);
  EXPECT_EQ(cause_of_method("get"), kGood);
  EXPECT_EQ(cause_of_method("BREW"), kGood);
  EXPECT_EQ(cause_of_method("TRACE"), Cause::kMethodRefused);
}

// RFC 9113 section 8.5.
TEST(H2Map, TakesAConnectThatHasOnlyAnAuthorityWithAPort) {
  ReadHead head;
  EXPECT_EQ(head.read_request({{":method", "CONNECT"}, {":authority", "a:1"}}), kGood);
  EXPECT_TRUE(head.request.tunnel);
  EXPECT_EQ(head.request.authority, "a:1");
  EXPECT_EQ(head.request.framing, Framing::kNone);
  const auto connect = [](std::vector<std::pair<std::string_view, std::string_view>> more) {
    more.insert(more.begin(), {":method", "CONNECT"});
    return ReadHead().read_request(more);
  };
  EXPECT_EQ(connect({{":authority", "a"}}), kBad);
  EXPECT_EQ(connect({}), kBad);
  EXPECT_EQ(connect({{":authority", "a:1"}, {":path", "/"}}), kBad);
  EXPECT_EQ(connect({{":authority", "a:1"}, {":scheme", "http"}}), kBad);
  EXPECT_EQ(connect({{":authority", "a:1"}, {"content-length", "0"}}), kBad);
}

// RFC 8441 section 4.
TEST(H2Map, TakesAnExtendedConnectForAnUpgrade) {
  const auto connect = [](ReadHead& head, std::string_view protocol) {
    return head.read_request({{":method", "CONNECT"},
                              {":protocol", protocol},
                              {":scheme", "http"},
                              {":authority", "a"},
                              {":path", "/chat"}});
  };
  ReadHead head;
  EXPECT_EQ(connect(head, "websocket"), kGood);
  EXPECT_FALSE(head.request.tunnel);
  EXPECT_EQ(head.request.upgrade, "websocket");
  EXPECT_EQ(head.request.method_text, "GET");
  EXPECT_EQ(head.request.target, "/chat");
  for (const std::string_view protocol : {"", "a b", "h2c", "H2C", "a,b", "HTTP/2.0"}) {
    ReadHead other;
    EXPECT_EQ(connect(other, protocol), kBad) << protocol;
  }
}

TEST(H2Map, KeepsCredentialsForAProxyApart) {
  ReadHead head;
  EXPECT_EQ(
      head.read_request(
          {{":method", "CONNECT"}, {":authority", "a:443"}, {"proxy-authorization", "Basic x"}}),
      kGood);
  EXPECT_EQ(head.request.proxy_authorization, "Basic x");
  EXPECT_TRUE(head.request.fields.empty());
}

TEST(H2Map, TakesTwoSchemes) {
  EXPECT_EQ(cause_of_scheme("http"), kGood);
  EXPECT_EQ(cause_of_scheme("https"), kGood);
  for (const std::string_view scheme : {"", "http://a", "ht tp", "ftp", "HTTP", "http:"}) {
    EXPECT_EQ(cause_of_scheme(scheme), kBad) << scheme;
  }
  EXPECT_EQ(ReadHead().read_request({{":method", "GET"}, {":authority", "a"}, {":path", "/"}}),
            kBad);
}

TEST(H2Map, TakesOnlyAnAuthorityThatIsOne) {
  for (const std::string_view authority : {"", "u@a", "a/b", "a\r\nb", "a:b", "a, b"}) {
    EXPECT_EQ(cause_of_authority(authority), kBad) << authority;
  }
  EXPECT_EQ(cause_of_authority("a.test:8080"), kGood);
  EXPECT_EQ(ReadHead().read_request({{":method", "GET"}, {":scheme", "http"}, {":path", "/"}}),
            kBad);
}

TEST(H2Map, WantsHostAndAuthorityToAgree) {
  EXPECT_EQ(with({{"host", "A"}}), kGood);
  EXPECT_EQ(with({{"host", "b"}}), kBad);
  EXPECT_EQ(with({{"host", "a"}, {"host", "a"}}), kBad);
  ReadHead head;
  EXPECT_EQ(head.read_request(
                {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", "only.test"}}),
            kGood);
  EXPECT_EQ(head.request.authority, "only.test");
  EXPECT_TRUE(head.request.fields.empty());
}

TEST(H2Map, RefusesPseudoFieldsOutOfPlace) {
  EXPECT_EQ(with({{":path", "/"}}), kBad);
  EXPECT_EQ(with({{":status", "200"}}), kBad);
  EXPECT_EQ(with({{":unknown", "x"}}), kBad);
  EXPECT_EQ(with({{":protocol", "websocket"}}), kBad);  // of CONNECT only
  EXPECT_EQ(ReadHead().read_request({{":method", "GET"},
                                     {":scheme", "http"},
                                     {":path", "/"},
                                     {"x", "y"},
                                     {":authority", "a"}}),
            kBad);
  EXPECT_EQ(ReadHead().read_trailers({{":path", "/"}}), kBad);
  EXPECT_EQ(ReadHead().read_response({{":status", "200"}, {":path", "/"}}),
            Cause::kMalformedResponse);
}

TEST(H2Map, RefusesLengthsThatCannotBe) {
  EXPECT_EQ(with({{"content-length", "+0"}}), kBad);
  EXPECT_EQ(with({{"content-length", ""}}), kBad);
  EXPECT_EQ(with({{"content-length", "1, 1"}}, false), kBad);
  EXPECT_EQ(with({{"content-length", "1"}, {"content-length", "1"}}, false), kBad);
  EXPECT_EQ(with({{"content-length", "1"}}, true), kBad);
  EXPECT_EQ(with({{"content-length", "99999999999999999999"}}, false), kBad);
  EXPECT_EQ(with({{"content-length", "0"}}, true), kGood);
  EXPECT_EQ(with({{"content-length", "1"}}, false), kGood);
}

TEST(H2Map, KnowsHowTheBodyEnds) {
  ReadHead head;
  const auto framing = [&](const Lines& more, bool ended) {
    Lines lines = request_lines("POST", "/");
    lines.insert(lines.end(), more.begin(), more.end());
    EXPECT_EQ(head.read_request(lines, ended), kGood);
    return head.request.framing;
  };
  EXPECT_EQ(framing({}, true), Framing::kNone);
  EXPECT_EQ(framing({}, false), Framing::kChunked);
  EXPECT_EQ(framing({{"content-length", "7"}}, false), Framing::kLength);
  EXPECT_EQ(head.request.content_length, 7);
  EXPECT_EQ(framing({{"content-length", "0"}}, true), Framing::kLength);
  EXPECT_TRUE(head.request.fields.empty());
}

TEST(H2Map, JoinsTheCrumbsOfACookie) {
  ReadHead head;
  Lines lines = request_lines("GET", "/");
  lines.insert(lines.end(), {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c"}});
  EXPECT_EQ(head.read_request(lines), kGood);
  EXPECT_EQ(text_of(head.request.fields), "x: y\ncookie: a=1; b=2; c\n");
  // A browser keeps 180 of a site, and sends each by itself.
  Lines many = request_lines("GET", "/");
  for (int i = 0; i < 1'200; ++i) many.emplace_back("cookie", "a");
  EXPECT_EQ(head.read_request(many), kGood) << "a browser sends a crumb for each cookie";
  for (int i = 0; i < 600; ++i) many.emplace_back("cookie", "a");
  EXPECT_EQ(head.read_request(many), Cause::kRequestHeadTooLarge);
}

TEST(H2Map, ChargesTheBytesOfEachCrumb) {
  ReadHead head;
  Lines lines = request_lines("GET", "/");
  for (int i = 0; i < 100'000; ++i) lines.emplace_back("cookie", "a");
  EXPECT_EQ(head.read_request(lines), Cause::kRequestHeadTooLarge);
  EXPECT_LT(head.arena.heap_bytes(), 200'000U);
}

TEST(H2Map, LeavesNoBlankWhereACrumbIsEmpty) {
  const auto joined = [](std::initializer_list<std::string_view> crumbs) {
    ReadHead head;
    Lines lines = request_lines("GET", "/");
    for (const std::string_view crumb : crumbs) lines.emplace_back("cookie", crumb);
    EXPECT_EQ(head.read_request(lines), kGood);
    return text_of(head.request.fields);
  };
  EXPECT_EQ(joined({"a=1", ""}), "cookie: a=1\n");
  EXPECT_EQ(joined({"", "a=1"}), "cookie: a=1\n");
  EXPECT_EQ(joined({"a=1", "", " ", "b=2"}), "cookie: a=1; b=2\n");
  EXPECT_EQ(joined({"", ""}), "cookie: \n");
}

TEST(H2Map, ChargesBeforeItCopies) {
  ReadHead head;
  Lines lines = request_lines("GET", "/");
  const std::string large(4000, 'v');
  for (int i = 0; i < 99; ++i) lines.emplace_back("x", large);
  EXPECT_EQ(head.read_request(lines), Cause::kRequestHeadTooLarge);
  EXPECT_LT(head.arena.heap_bytes(), 140'000U);
  // What is left out counts all the same.
  Lines dropped = request_lines("GET", "/");
  for (int i = 0; i < 101; ++i) dropped.emplace_back("trailer", "x");
  EXPECT_EQ(head.read_request(dropped), Cause::kRequestHeadTooLarge);
}

TEST(H2Map, FiltersTrailersAsHttp1Does) {
  ReadHead head;
  EXPECT_EQ(head.read_trailers({{"x-sum", "1"},
                                {"content-length", "5"},
                                {"authorization", "no"},
                                {"content_length", "5"},
                                {"set-cookie", "a=b"}}),
            kGood);
  EXPECT_EQ(text_of(head.trailers), "x-sum: 1\n");
  EXPECT_EQ(head.read_trailers({{"Upper", "x"}}), kBad);
  EXPECT_EQ(head.read_trailers({{"connection", "close"}}), kBad);
}

TEST(H2Map, KnowsOneExpectation) {
  ReadHead head;
  Lines lines = request_lines("POST", "/");
  lines.emplace_back("expect", "100-continue");
  EXPECT_EQ(head.read_request(lines, false), kGood);
  EXPECT_TRUE(head.request.expects_continue);
  EXPECT_TRUE(head.request.fields.empty());
  EXPECT_EQ(head.read_request(lines, true), kGood);
  EXPECT_FALSE(head.request.expects_continue);
  EXPECT_EQ(with({{"expect", "tea"}}), Cause::kUnknownExpectation);
}

TEST(H2Map, WantsOneNumberInMaxForwards) {
  EXPECT_EQ(with({{"max-forwards", "3"}}), kGood);
  EXPECT_EQ(with({{"max-forwards", "x"}}), kBad);
  EXPECT_EQ(with({{"max-forwards", "3"}, {"max-forwards", "3"}}), kBad);
}

TEST(H2Map, WritesARequestWithoutWhatEndsHere) {
  Arena arena{std::span<std::byte>()};
  RequestHead head = request_head(Method::kPost, "POST", "/x?y");
  head.framing = Framing::kLength;
  head.content_length = 3;
  head.te_trailers = true;
  head.expects_continue = true;
  for (const std::string_view name : {"connection", "keep-alive", "upgrade", "host", "te",
                                      "transfer-encoding", "content-length", "x-kept"}) {
    head.fields.add(arena, name, "v");
  }
  EXPECT_EQ(text_of(h2_request_fields(head, {{}, "https", "me"}, arena)),
            ":method: POST\n:scheme: https\n:authority: host.test\n:path: /x?y\n"
            "x-kept: v\nvia: 1.1 me\ncontent-length: 3\nte: trailers\nexpect: 100-continue\n");
}

TEST(H2Map, WritesAResponse) {
  Arena arena{std::span<std::byte>()};
  ResponseHead head = response_head(200);
  head.framing = Framing::kChunked;
  head.fields.add(arena, "X", " padded ");
  EXPECT_EQ(text_of(h2_response_fields(head, {Method::kGet, "me"}, arena)),
            ":status: 200\nX: padded\nvia: 1.1 me\n");
  head = response_head(204);
  head.content_length = 0;
  EXPECT_EQ(text_of(h2_response_fields(head, {}, arena)), ":status: 204\n");
}

}  // namespace
}  // namespace outrigger::http
