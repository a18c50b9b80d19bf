#include <gtest/gtest.h>

#include "tests/unit/proxy/io/tls_ends.hpp"

namespace outrigger::testing {
namespace {

// A TlsStream on the server's side, and a client by hand.
struct TlsStreamTest : ::testing::Test {
  TlsStreamTest() { authority.issue("server"); }

  void meet(int version = TLS1_3_VERSION) {
    auto [near, far] = make_pipe(loop, pipe);
    server.serve(std::move(far), load(authority.server()));
    client.emplace(std::move(near), version);
    ASSERT_TRUE(loop.run_until([&] { return server.is_over() && client->is_ready(); }));
    ASSERT_TRUE(server.info.has_value()) << server.reason;
    loop.run_until_idle();
  }
  bool until(std::function<bool()> done) { return loop.run_until(std::move(done)); }

  TestAuthority authority;
  VirtualLoop loop;
  PipeOptions pipe;
  TlsEnd server{loop};
  std::optional<RawClient> client;
};

TEST_F(TlsStreamTest, AnEndWithoutCloseNotifyIsABreak) {
  meet();
  client->send("half of a ");
  client->stream().finish();
  ASSERT_TRUE(until([&] { return server.peer.broken; }));
  EXPECT_EQ(server.peer.received, "half of a ");
  EXPECT_FALSE(server.peer.ended);
}

TEST_F(TlsStreamTest, CloseNotifyIsAnEndAndWhatFollowsIsNotRead) {
  meet();
  client->send("all");
  SSL_shutdown(client->ssl());
  client->flush();
  client->stream().write("not TLS at all");
  client->stream().finish();
  ASSERT_TRUE(until([&] { return server.peer.ended; }));
  EXPECT_EQ(server.peer.received, "all");
  loop.advance_ms(100);
  EXPECT_FALSE(server.peer.broken);
  server.peer.send("answer");
  server.peer.finish();
  ASSERT_TRUE(until([&] { return client->ended; }));
  EXPECT_EQ(client->received, "answer");
  EXPECT_NE(SSL_get_shutdown(client->ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

// We say close_notify first, and read on (RFC 8446 section 6.1).
TEST_F(TlsStreamTest, ReadsOnAfterItHasFinished) {
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    server.info.reset();
    meet(version);
    server.peer.take();
    server.peer.ended = false;
    server.peer.send("request");
    server.peer.finish();
    ASSERT_TRUE(until([&] { return client->received == "request"; }));
    client->send("late answer");
    ASSERT_TRUE(until([&] { return server.peer.received == "late answer"; }));
    EXPECT_FALSE(server.peer.ended);
    SSL_shutdown(client->ssl());
    client->flush();
    ASSERT_TRUE(until([&] { return server.peer.ended; }));
    EXPECT_FALSE(server.peer.broken);
  }
}

TEST_F(TlsStreamTest, ADestroyedOneSaysCloseNotifyIfNothingIsLeft) {
  meet();
  server.peer.send("done");
  server.peer.close();
  ASSERT_TRUE(until([&] { return client->ended; }));
  EXPECT_EQ(client->received, "done");
  EXPECT_NE(SSL_get_shutdown(client->ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsStreamTest, ADestroyedOneWithATailDoesNotPretendToHaveFinished) {
  pipe.kernel_bytes = 4096;
  meet();
  client->stream().pause_reading();
  server.peer.send(std::string(100'000, 'x'));
  ASSERT_GT(server.peer.stream().unsent(), 0u);
  server.peer.close();
  client->stream().resume_reading();
  ASSERT_TRUE(until([&] { return client->ended || client->broken; }));
  EXPECT_EQ(SSL_get_shutdown(client->ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsStreamTest, DeliversWhatCameWithTheEndOfTheHandshake) {
  auto [near, far] = make_pipe(loop);
  server.starts_at_once = false;
  server.serve(std::move(far), load(authority.server()));
  client.emplace(std::move(near));
  client->holds_output = true;
  ASSERT_TRUE(until([&] { return client->is_ready(); }));
  client->send("first ");
  client->send("words");
  SSL_shutdown(client->ssl());
  client->holds_output = false;
  client->flush();
  ASSERT_TRUE(until([&] { return server.is_over(); }));
  loop.advance_ms(10);
  EXPECT_EQ(server.peer.received, "");
  server.start();
  EXPECT_EQ(server.peer.received, "") << "never from inside a call";
  server.peer.pause();
  loop.advance_ms(10);
  EXPECT_EQ(server.peer.received, "");
  server.peer.resume();
  ASSERT_TRUE(until([&] { return !server.peer.received.empty(); }));
  EXPECT_EQ(server.peer.received, "first words");
  ASSERT_TRUE(until([&] { return server.peer.ended; }));
  EXPECT_EQ(server.peer.reads, 1u);
}

TEST_F(TlsStreamTest, DeliversWhatCameWithTheEndOfTheHandshakeInTheSameTurn) {
  auto [near, far] = make_pipe(loop);
  server.serve(std::move(far), load(authority.server()));
  client.emplace(std::move(near));
  client->holds_output = true;
  ASSERT_TRUE(until([&] { return client->is_ready(); }));
  client->send("first words");
  client->holds_output = false;
  client->flush();
  loop.run_until_idle();  // time stands still
  EXPECT_EQ(server.peer.received, "first words");
}

TEST_F(TlsStreamTest, ABreakBeforeItsStartIsToldThen) {
  auto [near, far] = make_pipe(loop);
  server.starts_at_once = false;
  server.serve(std::move(far), load(authority.server()));
  client.emplace(std::move(near));
  ASSERT_TRUE(until([&] { return server.is_over(); }));
  client->stream().abort();
  client->close();
  loop.advance_ms(10);
  server.start();
  EXPECT_FALSE(server.peer.broken);
  ASSERT_TRUE(until([&] { return server.peer.broken; }));
}

TEST_F(TlsStreamTest, AForgedRecordBreaksItBehindWhatWasGenuine) {
  meet();
  client->holds_output = true;
  client->send("genuine");
  std::string bytes = client->take_output();
  client->send("forged");
  std::string forged = client->take_output();
  forged.back() = static_cast<char>(forged.back() ^ 1);
  client->stream().write(bytes + forged);
  ASSERT_TRUE(until([&] { return server.peer.broken; }));
  EXPECT_EQ(server.peer.received, "genuine");
  server.peer.send("ignored");
  server.peer.finish();
}

TEST_F(TlsStreamTest, APauseHoldsBackTheSender) {
  pipe.kernel_bytes = 20'000;
  meet();
  server.peer.pause();
  for (int i = 0; i < 100; ++i) client->send(std::string(10'000, 'x'));
  loop.advance_ms(100);
  EXPECT_EQ(server.peer.received, "");
  EXPECT_GT(client->stream().unsent(), 900'000u);
  server.peer.resume();
  ASSERT_TRUE(until([&] { return server.peer.received.size() == 1'000'000; }));
}

TEST_F(TlsStreamTest, GathersPiecesIntoRecords) {
  meet();
  const std::vector<std::string_view> pieces(50, "0123456789");
  server.peer.stream().write(pieces);
  ASSERT_TRUE(until([&] { return client->received.size() == 500; }));
  std::string large;
  for (int i = 0; i < 40'000; ++i) large += std::to_string(i);
  client->received.clear();
  server.peer.stream().write(std::vector<std::string_view>{"head", large, "tail"});
  ASSERT_TRUE(until([&] { return client->received.size() == large.size() + 8; }));
  EXPECT_EQ(client->received, "head" + large + "tail");
}

TEST_F(TlsStreamTest, AnswersAKeyUpdate) {
  meet();
  for (int i = 0; i < 5; ++i) {
    SSL_key_update(client->ssl(), SSL_KEY_UPDATE_REQUESTED);
    client->send("new key ");
  }
  ASSERT_TRUE(until([&] { return server.peer.received.size() == 40; }));
  server.peer.send("mine too");
  ASSERT_TRUE(until([&] { return client->received == "mine too"; }));
}

TEST_F(TlsStreamTest, BreaksWhenAskedForKeysWithoutEnd) {
  meet();
  for (int i = 0; i < 2000; ++i) {
    SSL_key_update(client->ssl(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(client->ssl());
  }
  client->stream().pause_reading();
  client->flush();
  ASSERT_TRUE(until([&] { return server.peer.broken; }));
  EXPECT_LT(server.peer.stream().unsent(), 10'000u);
}

TEST_F(TlsStreamTest, DoesNotRenegotiate) {
  meet(TLS1_2_VERSION);
  SSL_renegotiate(client->ssl());
  SSL_do_handshake(client->ssl());
  client->flush();
  loop.advance_ms(10);
  EXPECT_FALSE(client->is_ready());
  EXPECT_EQ(server.peer.received, "");
}

TEST_F(TlsStreamTest, IsSilentWhenAbortedFromItsOwnCallback) {
  struct Aborting : TestPeer {
    void on_read(std::string_view bytes) override {
      TestPeer::on_read(bytes);
      stream().abort();
    }
  };
  auto [near, far] = make_pipe(loop);
  server.starts_at_once = false;
  server.serve(std::move(far), load(authority.server()));
  client.emplace(std::move(near));
  ASSERT_TRUE(until([&] { return server.is_over(); }));
  Aborting peer;
  peer.attach(std::move(server.waiting));
  client->send("x");
  SSL_shutdown(client->ssl());
  client->flush();
  ASSERT_TRUE(until([&] { return peer.received == "x"; }));
  loop.advance_ms(100);
  EXPECT_FALSE(peer.ended || peer.broken);
  EXPECT_TRUE(peer.stream().is_broken());
}

}  // namespace
}  // namespace outrigger::testing
