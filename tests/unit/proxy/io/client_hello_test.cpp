#include "proxy/io/client_hello.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/support/client_hellos.hpp"

namespace outrigger::io {
namespace {

using State = ClientHelloReader::State;
using namespace outrigger::testing;

constexpr size_t kServerName = 0;
constexpr size_t kAlpn = 16;

// What came of it, apart from the reader.
struct Seen {
  State state = State::kMore;
  std::string name;
  bool h2 = false;
  bool http1 = false;
  bool operator==(const Seen&) const = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
  *out << "state " << static_cast<int>(seen.state) << " name '" << seen.name << "' h2 " << seen.h2
       << " http1 " << seen.http1;
}

Seen outcome(const ClientHelloReader& reader, State state) {
  const ClientHello& hello = reader.hello();
  return {state, std::string(hello.server_name), hello.offers_h2, hello.offers_http1};
}

Seen read(std::string_view bytes) {
  ClientHelloReader reader;
  const State state = reader.read(bytes);
  return outcome(reader, state);
}

// As the bytes come in pieces of that size, each time in another place.
Seen read_in_pieces(std::string_view bytes, size_t piece) {
  ClientHelloReader reader;
  for (size_t size = std::min(piece, bytes.size());; size = std::min(size + piece, bytes.size())) {
    const std::string so_far(bytes.substr(0, size));
    const State state = reader.read(so_far);
    if (state != State::kMore || size == bytes.size()) return outcome(reader, state);
  }
}

Seen read_extension(size_t type, std::string_view value) {
  return read(hello_record(hello_message(hello_extension(type, value))));
}

Seen read_name(std::string_view name) {
  return read_extension(kServerName, server_name_list(name));
}

const Seen kNothingSaid{State::kDone, "", false, false};
const Seen kNoHello{State::kNotTls, "", false, false};

const HelloSpec kOrders{"orders.svc", {"h2", "http/1.1"}};
const Seen kOrdersSeen{State::kDone, "orders.svc", true, true};

TEST(ClientHello, ReadsWhatOpensslSays) {
  EXPECT_EQ(read(openssl_hello(kOrders)), kOrdersSeen);
  EXPECT_EQ(read(openssl_hello({"Orders.SVC", {"http/1.1"}})),
            (Seen{State::kDone, "Orders.SVC", false, true}));
  EXPECT_EQ(read(openssl_hello({"orders.svc", {"h2"}, TLS1_2_VERSION})),
            (Seen{State::kDone, "orders.svc", true, false}));
  EXPECT_EQ(read(openssl_hello({"", {"imap", "h2c"}})), kNothingSaid);
  EXPECT_EQ(read(openssl_hello({})), kNothingSaid);
}

TEST(ClientHello, IsReadAlikeHoweverItsBytesWereCut) {
  const std::string hello = openssl_hello(kOrders);
  EXPECT_EQ(read_in_pieces(hello, 1), kOrdersSeen);
  for (size_t cut = 0; cut < hello.size(); ++cut) {
    ClientHelloReader reader;
    ASSERT_EQ(reader.read(hello.substr(0, cut)), State::kMore) << cut;
    const State state = reader.read(hello);
    ASSERT_EQ(outcome(reader, state), kOrdersSeen) << cut;
  }
}

TEST(ClientHello, IsReadAlikeHoweverItWasCutIntoRecords) {
  const std::string hello = openssl_hello(kOrders);
  const std::string_view message = message_of(hello);
  for (size_t size = 1; size <= message.size(); ++size) {
    const std::string records = hello_records(message, size);
    ASSERT_EQ(read(records), kOrdersSeen) << size;
    ASSERT_EQ(read_in_pieces(records, 1), kOrdersSeen) << size;
  }
  for (size_t cut = 1; cut < message.size(); ++cut) {
    const std::string records =
        hello_record(message.substr(0, cut)) + hello_record(message.substr(cut));
    ASSERT_EQ(read_in_pieces(records, 7), kOrdersSeen) << cut;
  }
}

TEST(ClientHello, IsWholeBeforeWhatFollowsIt) {
  const std::string hello = openssl_hello(kOrders);
  EXPECT_EQ(read(hello + "\x14\x03\x03" + std::string("\0\1\1", 3) + "early"), kOrdersSeen);
}

TEST(ClientHello, NameOfAHelloInOneRecordPointsIntoItsBytes) {
  const std::string hello = openssl_hello(kOrders);
  ClientHelloReader reader;
  ASSERT_EQ(reader.read(hello), State::kDone);
  EXPECT_EQ(reader.hello().server_name.data(), hello.data() + hello.find("orders.svc"));
}

TEST(ClientHello, OtherProtocolsAreToldByTheirFirstByteThatDiffers) {
  EXPECT_EQ(read("").state, State::kMore);
  EXPECT_EQ(read("\x16").state, State::kMore);
  for (const char* other : {"G", "GET / HTTP/1.1\r\n", "PRI * HTTP/2.0", "\x80", "\x15\x03\x01",
                            "\x17\x03\x03", "\x16G", "\x16\x02", "SSH-2.0-x"}) {
    EXPECT_EQ(read(other), kNoHello) << other;
  }
  // A server's hello, and a record that begins with nothing a client may begin with.
  EXPECT_EQ(read(hello_record("\x02")), kNoHello);
  EXPECT_EQ(read(std::string("\x16\x03\x01\0\0", 5)), kNoHello);
  EXPECT_EQ(read("\x16\x03\x01\x40\x01"), kNoHello);
  EXPECT_EQ(read(openssl_hello({}).substr(0, 60) + "x").state, State::kMore);
}

TEST(ClientHello, RecordsOfAnotherKindMayNotStandWithinIt) {
  const std::string message = hello_message(hello_extension(kServerName, server_name_list("a.b")));
  const std::string begun = hello_record(message.substr(0, 20));
  EXPECT_EQ(read(begun).state, State::kMore);
  EXPECT_EQ(read(begun + "\x15\x03\x01"), kNoHello);
  EXPECT_EQ(read(begun + std::string("\x16\x03\x01\0\0", 5)), kNoHello);
}

TEST(ClientHello, AnyMinorVersionIsRead) {
  for (const char minor : {'\0', '\1', '\2', '\3', '\4', '\x9'}) {
    std::string hello = openssl_hello(kOrders);
    hello[2] = minor;
    hello[10] = minor;
    EXPECT_EQ(read(hello), kOrdersSeen) << int{minor};
  }
  std::string hello = openssl_hello(kOrders);
  hello[9] = 2;
  EXPECT_EQ(read(hello), kNoHello);
}

TEST(ClientHello, UnknownExtensionsArePassedOver) {
  const std::string extensions = hello_extension(0x0A0A, "") + hello_extension(0x7A7A, "grease") +
                                 hello_extension(kServerName, server_name_list("a.example")) +
                                 hello_extension(0xFE0D, std::string(900, 'e')) +
                                 hello_extension(kAlpn, counted_bytes("\x02\x0A\x0A\x02h2", 2)) +
                                 hello_extension(0x7A7A, "again");
  EXPECT_EQ(read(hello_record(hello_message(extensions))),
            (Seen{State::kDone, "a.example", true, false}));
}

TEST(ClientHello, MayHaveNoExtensionsAtAll) {
  std::string message = hello_message("");
  EXPECT_EQ(read(hello_record(message)), kNothingSaid);
  message.resize(message.size() - 2);
  message[3] = static_cast<char>(message.size() - 4);
  EXPECT_EQ(read(hello_record(message)), kNothingSaid);
}

TEST(ClientHello, EntriesThatAreNoHostNamesArePassedOver) {
  const std::string other = number_bytes(7, 1) + counted_bytes("other", 2);
  const std::string host = number_bytes(0, 1) + counted_bytes("a.example", 2);
  EXPECT_EQ(read_extension(kServerName, counted_bytes(other + host, 2)).name, "a.example");
  EXPECT_EQ(read_extension(kServerName, counted_bytes(host + other, 2)).name, "a.example");
  EXPECT_EQ(read_extension(kServerName, counted_bytes(other, 2)), kNothingSaid);
}

TEST(ClientHello, NamesOfHostsAreReadAsTheyAreWritten) {
  for (const char* name : {"a", "orders", "db-0.orders.svc.cluster.local", "_sip._tcp.example",
                           "xn--bcher-kva.example", "1.example", "10.0.0.1a", "A.B"}) {
    EXPECT_EQ(read_name(name), (Seen{State::kDone, name, false, false})) << name;
  }
  EXPECT_EQ(read_name("orders.svc.").name, "orders.svc");
  const std::string label(63, 'l');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'm');
  EXPECT_EQ(read_name(longest).name, longest);
}

TEST(ClientHello, WhatIsNoHostNameIsNoName) {
  using namespace std::string_view_literals;
  const std::string label(63, 'l');
  const std::string too_long = label + "." + label + "." + label + "." + std::string(62, 'm');
  for (const std::string_view name : {"10.0.0.1"sv,
                                      "127.1"sv,
                                      "2130706433"sv,
                                      "::1"sv,
                                      "[::1]"sv,
                                      "a\0b"sv,
                                      "\0"sv,
                                      "a b"sv,
                                      "a\r\nb"sv,
                                      "a\x1B[31m"sv,
                                      "a/b"sv,
                                      "a:443"sv,
                                      "user@a"sv,
                                      "*.a"sv,
                                      "."sv,
                                      ".a"sv,
                                      "a..b"sv,
                                      "a.."sv,
                                      "b\xC3\xBC"
                                      "cher.example"sv,
                                      "a\x80"sv}) {
    EXPECT_EQ(read_name(name), kNothingSaid) << name;
  }
  EXPECT_EQ(read_name(std::string(64, 'l')), kNothingSaid);
  EXPECT_EQ(read_name(too_long), kNothingSaid);
  EXPECT_EQ(read_name(std::string(9000, 'a')), kNothingSaid);
}

TEST(ClientHello, SayingAThingTwiceIsRefused) {
  const std::string name = hello_extension(kServerName, server_name_list("a.example"));
  const std::string alpn = hello_extension(kAlpn, counted_bytes("\x02h2", 2));
  EXPECT_EQ(read(hello_record(hello_message(name + alpn))).state, State::kDone);
  EXPECT_EQ(read(hello_record(hello_message(name + alpn + name))), kNoHello);
  EXPECT_EQ(read(hello_record(hello_message(alpn + name + alpn))), kNoHello);
  const std::string host = number_bytes(0, 1) + counted_bytes("a.example", 2);
  EXPECT_EQ(read_extension(kServerName, counted_bytes(host + host, 2)), kNoHello);
}

TEST(ClientHello, LengthsThatLieAreRefused) {
  for (const size_t type : {kServerName, kAlpn}) {
    EXPECT_EQ(read_extension(type, ""), kNoHello);
    EXPECT_EQ(read_extension(type, std::string(1, '\0')), kNoHello);
    EXPECT_EQ(read_extension(type, counted_bytes("", 2)), kNoHello);
    EXPECT_EQ(read_extension(type, number_bytes(9, 2) + "abc"), kNoHello);
  }
  const std::string host = number_bytes(0, 1) + counted_bytes("a.example", 2);
  EXPECT_EQ(read_extension(kServerName, counted_bytes(host, 2) + "x"), kNoHello);
  EXPECT_EQ(read_extension(kServerName, counted_bytes(host + "x", 2)), kNoHello);
  EXPECT_EQ(read_extension(kServerName, server_name_list("")), kNoHello);
  EXPECT_EQ(read_extension(kAlpn, counted_bytes("\x02h2", 2) + "x"), kNoHello);
  EXPECT_EQ(read_extension(kAlpn, counted_bytes("\x03h2", 2)), kNoHello);
  EXPECT_EQ(read_extension(kAlpn, counted_bytes(std::string("\0\2h2", 4), 2)), kNoHello);
  EXPECT_EQ(read(hello_record(hello_message(number_bytes(0, 2) + number_bytes(99, 2)))), kNoHello);
  EXPECT_EQ(read(hello_record(hello_message("x"))), kNoHello);
}

// Every byte of a good hello, replaced by the ends of its range: whatever the verdict, it is one,
// and it does not depend on how the bytes came.
TEST(ClientHello, AnySingleWrongByteGetsOneVerdict) {
  const std::string good = openssl_hello(kOrders);
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char wrong : {'\0', '\1', '\x7F', '\xFF'}) {
      std::string hello = good;
      hello[at] = wrong;
      const Seen seen = read(hello);
      ASSERT_EQ(read_in_pieces(hello, 3), seen) << at << " " << int{wrong};
    }
  }
}

TEST(ClientHello, MessageThatEndsBeforeItsFieldsIsRefused) {
  const std::string message = hello_message(hello_extension(kServerName, server_name_list("a.b")));
  for (size_t size = 0; size + 4 < message.size(); ++size) {
    const std::string cut = message.substr(0, 1) + counted_bytes(message.substr(4, size), 3);
    const Seen seen = read(hello_record(cut));
    const bool is_without_extensions = size == 2 + 32 + 1 + 6 + 2;
    ASSERT_EQ(seen, is_without_extensions ? kNothingSaid : kNoHello) << size;
  }
}

TEST(ClientHello, ThatIsTooLargeSaysNothing) {
  const auto sized = [](size_t bytes) {
    const std::string named = hello_extension(kServerName, server_name_list("a.example"));
    const size_t fixed = hello_message(named + hello_extension(21, "")).size() - 4;
    return hello_message(named + hello_extension(21, std::string(bytes - fixed, '\0')));
  };
  const std::string largest = sized(ClientHelloReader::kMessageBytes);
  EXPECT_EQ(read(hello_records(largest, 16384)).name, "a.example");
  EXPECT_EQ(read_in_pieces(hello_records(largest, 16000), 1000).name, "a.example");
  const std::string records = hello_records(sized(ClientHelloReader::kMessageBytes + 1), 16384);
  EXPECT_EQ(read(records), kNothingSaid);
  // Its first bytes tell.
  EXPECT_EQ(read(records.substr(0, 9)), kNothingSaid);
  EXPECT_EQ(read(records.substr(0, 8)).state, State::kMore);
}

TEST(ClientHello, IsAskedForNoMoreThanItsBound) {
  // In records of one byte a hello is six times as large.
  const std::string message = hello_message(hello_extension(21, std::string(4000, '\0')));
  const std::string records = hello_records(message, 1);
  ASSERT_GT(records.size(), ClientHelloReader::kWireBytes);
  EXPECT_EQ(read(records.substr(0, ClientHelloReader::kWireBytes - 1)).state, State::kMore);
  EXPECT_EQ(read(records.substr(0, ClientHelloReader::kWireBytes)), kNothingSaid);
  EXPECT_EQ(read(records), kNothingSaid);
  EXPECT_EQ(read_in_pieces(records, 100), kNothingSaid);
}

}  // namespace
}  // namespace outrigger::io
