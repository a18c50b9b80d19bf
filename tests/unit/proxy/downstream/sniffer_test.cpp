#include "proxy/downstream/sniffer.hpp"

#include <gtest/gtest.h>

#include "tests/support/client_hellos.hpp"

namespace outrigger::downstream {
namespace {

using Expected = Sniffer::Expected;
using outrigger::testing::openssl_hello;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

Speech look(std::string_view bytes, Expected expected = Expected::kAnything) {
  return Sniffer(expected).look(bytes);
}

// The first verdict as the bytes come one by one, each time in another place.
Speech look_slowly(std::string_view bytes) {
  Sniffer sniffer(Expected::kAnything);
  for (size_t size = 1; size <= bytes.size(); ++size) {
    const std::string so_far(bytes.substr(0, size));
    if (const Speech speech = sniffer.look(so_far); speech != Speech::kUnclear) return speech;
  }
  return Speech::kUnclear;
}

TEST(Sniffer, KnowsARequestLineOnceItIsComplete) {
  for (const std::string_view line :
       {"GET / HTTP/1.1\r\n", "OPTIONS * HTTP/1.0\r\n", "M-SEARCH * HTTP/1.1\r\n",
        "POST http://a/b?c HTTP/1.1\r\n", "GET / HTTP/3.7\r\n"}) {
    EXPECT_EQ(look(line), Speech::kHttp1) << line;
    EXPECT_EQ(look_slowly(line), Speech::kHttp1) << line;
    EXPECT_EQ(look(line.substr(0, line.size() - 2)), Speech::kUnclear) << line;
  }
}

TEST(Sniffer, TakesWhatOnlyBeginsLikeHttpForOpaque) {
  for (const std::string_view other : std::initializer_list<std::string_view>{
           "GET\r\n", "GET  / HTTP/1.1\r\n", "get / HTTP/1.1\r\n", "GET / RTSP/1.0\r\n",
           "INVITE sip:a@b SIP/2.0\r\n", "PING\r\n", "*1\r\n$4\r\nPING\r\n", "EHLO mail.test\r\n",
           "CONNECT a:443 HTTP/1.1\r\n", "USER anonymous\r\n", "GET key\r\n", "GET / HTTP/1.1 \r\n",
           "GET /\x01 HTTP/1.1\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "\r\nGET / HTTP/1.1\r\n",
           "ABCDEFGHIJKLMNOPQRSTUVWXYZ / HTTP", " ",
           std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8)}) {
    EXPECT_EQ(look(other), Speech::kOpaque) << other;
    EXPECT_EQ(look_slowly(other), Speech::kOpaque) << other;
  }
  EXPECT_EQ(look("PING"), Speech::kUnclear);
}

TEST(Sniffer, KnowsThePrefaceHoweverItIsCut) {
  EXPECT_EQ(look(kPreface), Speech::kHttp2);
  EXPECT_EQ(look_slowly(kPreface), Speech::kHttp2);
  for (size_t cut = 1; cut < kPreface.size(); ++cut) {
    Sniffer sniffer(Expected::kAnything);
    EXPECT_EQ(sniffer.look(kPreface.substr(0, cut)), Speech::kUnclear) << cut;
    EXPECT_EQ(sniffer.look(kPreface), Speech::kHttp2) << cut;
  }
  EXPECT_EQ(look("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"), Speech::kHttp1);  // which refuses it
}

TEST(Sniffer, KnowsAClientHelloAndItsNameHoweverItIsCut) {
  const std::string hello = openssl_hello({.server_name = "db.test", .protocols = {"h2"}});
  for (size_t cut = 1; cut < hello.size(); ++cut) {
    Sniffer sniffer(Expected::kAnything);
    EXPECT_EQ(sniffer.look(std::string_view(hello).substr(0, cut)), Speech::kUnclear) << cut;
    EXPECT_EQ(sniffer.look(hello), Speech::kTls) << cut;
    EXPECT_EQ(sniffer.server_name(), "db.test") << cut;
  }
  EXPECT_EQ(look_slowly(hello), Speech::kTls);
}

TEST(Sniffer, LeavesToHttp1WhatWasMeantForUsAndIsNeitherHttp2NorTls) {
  for (const std::string_view other : {"G", "\x01", "SSH-2.0-x\r\n", "PRX"}) {
    EXPECT_EQ(look(other, Expected::kHttp), Speech::kHttp1) << other;
  }
  EXPECT_EQ(look("PR", Expected::kHttp), Speech::kUnclear);
  EXPECT_EQ(look(kPreface, Expected::kHttp), Speech::kHttp2);
  const std::string hello = openssl_hello({.server_name = "a", .protocols = {}});
  EXPECT_EQ(look(hello, Expected::kHttpOrTls), Speech::kTls);
  EXPECT_EQ(look(hello.substr(0, 1), Expected::kHttp), Speech::kHttp1);
}

TEST(Sniffer, AlwaysHasAVerdictOfSoManyBytes) {
  const std::string target = "GET /" + std::string(Sniffer::kBytesMax, 'a');
  EXPECT_EQ(look(target), Speech::kHttp1);
  EXPECT_EQ(look(std::string(64 * 1024, 'A')), Speech::kOpaque);
  EXPECT_NE(look("\x16\x03\x01" + std::string(64 * 1024, '\xff')), Speech::kUnclear);
}

}  // namespace
}  // namespace outrigger::downstream
