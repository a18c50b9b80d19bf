#include "proxy/client/client.hpp"

#include <optional>

#include <gtest/gtest.h>

#include "tests/support/http_server.hpp"
#include "tests/support/known_names.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_names.hpp"

namespace outrigger::client {
namespace {

using testing::HttpServer;

class ClientTest : public ::testing::Test, public AnswerEvents {
 protected:
  explicit ClientTest() { client_of("http://10.0.0.1:8500/base"); }
  ~ClientTest() override { loop.context().reaper.doom(std::move(client)); }

  void client_of(const std::string& url) {
    loop.context().reaper.doom(std::move(client));
    client = std::make_unique<Client>(transport, *parse_url(url), nullptr);
  }
  void ask(const Request& request, const Bounds& bounds = {}) {
    call = client->ask(request, bounds, [this](const Result<Answer>& result) {
      EXPECT_FALSE(answer || !why.empty()) << "told twice";
      if (result) answer = *result;
      if (!result) why = result.error();
    });
  }

  void on_head(int status, const http::Fields&) override { said += std::to_string(status) + " "; }
  void on_body(std::string_view bytes) override { said += bytes; }
  void on_end() override { said += " end"; }
  void on_failed(const std::string& sentence) override { said += " failed: " + sentence; }

  testing::VirtualLoop loop;
  testing::PipeNetwork network{loop};
  testing::VirtualNames names{loop};
  testing::LoopRuntime runtime{loop};
  Transport transport{runtime.runtime, network,
                      [this] { return std::make_shared<testing::KnownNames>(names); }};
  HttpServer server{network, "10.0.0.1:8500"};
  std::unique_ptr<Client> client;
  io::OperationPtr call;
  std::optional<Answer> answer;
  std::string why;
  std::string said;
};

TEST_F(ClientTest, AsksAndGetsAWholeAnswer) {
  server.on_request = [](const HttpServer::Asked& asked) {
    asked.peer->answer(200, "hello", "X-Index: 7\r\n");
  };
  ask({.method = "PUT", .target = "/v1/x?y", .fields = {{"x-token", "t"}}, .body = "{}"});
  EXPECT_TRUE(server.asked.empty()) << "nothing happens from inside ask()";
  loop.run_until_idle();
  ASSERT_TRUE(answer) << why;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hello");
  EXPECT_EQ(answer->field("x-index"), "7");
  EXPECT_EQ(answer->field("x-none"), "");
  EXPECT_EQ(server.last().line, "PUT /base/v1/x?y");
  EXPECT_NE(server.last().head.find("x-token: t\r\n"), std::string::npos);
  EXPECT_NE(server.last().head.find("Host: 10.0.0.1:8500\r\n"), std::string::npos);
  EXPECT_EQ(server.last().body, "{}");
}

TEST_F(ClientTest, EachCallHasAConnectionOfItsOwn) {
  server.on_request = [](const HttpServer::Asked& asked) { asked.peer->answer(200, "x"); };
  for (int i = 0; i < 3; ++i) {
    answer.reset();
    ask({.target = "/"});
    loop.run_until_idle();
    ASSERT_TRUE(answer) << why;
  }
  EXPECT_EQ(network.connects(), 3U);
}

TEST_F(ClientTest, ANameMayLeadToThisHostForItIsTheOperatorsWord) {
  HttpServer local(network, "127.0.0.1:8500");
  local.on_request = [](const HttpServer::Asked& asked) { asked.peer->answer(204, ""); };
  names.set("consul.test", {"127.0.0.1"}, 10);
  client_of("http://consul.test:8500");
  ask({.target = "/"});
  loop.run_until_idle();
  ASSERT_TRUE(answer) << why;
  EXPECT_EQ(answer->status, 204);
}

TEST_F(ClientTest, WhatGoesWrongIsASentenceThatNamesTheServer) {
  network.at(*Address::parse("10.0.0.1:8500")).fate = testing::AddressOptions::Fate::kRefuse;
  ask({.target = "/"});
  loop.run_until_idle();
  EXPECT_EQ(why, "http://10.0.0.1:8500: The upstream refused the connection.");
}

TEST_F(ClientTest, AConnectionThatDiesIsAFailure) {
  server.on_request = [](const HttpServer::Asked& asked) { asked.peer->abort(); };
  ask({.target = "/"});
  loop.run_until_idle();
  EXPECT_TRUE(why.ends_with("closed the connection before it answered.")) << why;
}

TEST_F(ClientTest, AnAnswerThatBreaksOffIsAFailure) {
  server.on_request = [](const HttpServer::Asked& asked) {
    asked.peer->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    asked.peer->abort();
  };
  ask({.target = "/"});
  loop.run_until_idle();
  EXPECT_FALSE(answer);
  EXPECT_NE(why, "");
}

TEST_F(ClientTest, SilenceIsBounded) {
  ask({.target = "/"}, {.head_ms = 700});
  loop.advance_ms(699);
  EXPECT_EQ(why, "");
  loop.advance_ms(1);
  EXPECT_EQ(why, "http://10.0.0.1:8500: it did not answer in time");
}

TEST_F(ClientTest, SilenceWithinAnAnswerIsBoundedByItself) {
  server.on_request = [](const HttpServer::Asked& asked) {
    asked.peer->begin_stream();
    asked.peer->chunk("a");
  };
  call = client->send({.target = "/"}, {.head_ms = 50, .silence_ms = 2'000}, *this);
  loop.advance_ms(1'900);
  EXPECT_EQ(said, "200 a");
  server.last().peer->chunk("b");
  loop.advance_ms(1'900);
  EXPECT_EQ(said, "200 ab");
  loop.advance_ms(200);
  EXPECT_EQ(said, "200 ab failed: http://10.0.0.1:8500: it fell silent within its answer");
}

TEST_F(ClientTest, ConnectsWhereItIsToldWhateverTheHostIs) {
  HttpServer on_socket(network, "unix:/run/admin.sock");
  on_socket.on_request = [](const HttpServer::Asked& asked) { asked.peer->answer(200, "there"); };
  client_of("http://localhost");
  ask({.target = "/readyz", .at = *Address::parse("unix:/run/admin.sock")});
  loop.run_until_idle();
  ASSERT_TRUE(answer) << why;
  EXPECT_EQ(answer->body, "there");
  EXPECT_NE(on_socket.last().head.find("Host: localhost"), std::string::npos);
}

TEST_F(ClientTest, AStreamComesPieceByPieceAndEnds) {
  server.on_request = [](const HttpServer::Asked& asked) { asked.peer->begin_stream(); };
  call = client->send({.target = "/"}, {}, *this);
  loop.advance_ms(10);
  server.last().peer->chunk("a");
  loop.advance_ms(10);
  EXPECT_EQ(said, "200 a");
  server.last().peer->end_stream();
  loop.advance_ms(10);
  EXPECT_EQ(said, "200 a end");
}

TEST_F(ClientTest, AnAnswerIsBounded) {
  server.on_request = [](const HttpServer::Asked& asked) {
    asked.peer->answer(200, std::string(5'000, 'x'));
  };
  ask({.target = "/"}, {.body_bytes = 4'999});
  loop.run_until_idle();
  EXPECT_EQ(why, "http://10.0.0.1:8500: its answer has more than 4999 bytes");
}

TEST_F(ClientTest, AnAnswerThatTricklesIsBoundedAsAWhole) {
  server.on_request = [](const HttpServer::Asked& asked) { asked.peer->begin_stream(); };
  ask({.target = "/"}, {.whole_ms = 5'000});
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(why, "") << i;
    loop.advance_ms(400);
    server.last().peer->chunk("a");
  }
  loop.advance_ms(400);
  EXPECT_EQ(why, "http://10.0.0.1:8500: its answer took longer than 5 s");
}

TEST_F(ClientTest, ACallThatIsCancelledTellsNobodyAndClosesItsConnection) {
  for (const int ms : {0, 1, 20}) {
    network.at(*Address::parse("10.0.0.1:8500")).pipe.latency_ms = 5;
    ask({.target = "/"});
    loop.advance_ms(ms);
    call.reset();
    loop.run_until_idle();
    EXPECT_FALSE(answer);
    EXPECT_EQ(why, "");
  }
  EXPECT_EQ(runtime.exchanges.in_use(), 0U);
}

TEST_F(ClientTest, ACallMayBeGivenUpFromInsideItsEvents) {
  struct Fickle final : AnswerEvents {
    explicit Fickle(Reaper& at) : reaper(at) {}
    void on_head(int, const http::Fields&) override { reaper.doom(std::move(own)); }
    void on_body(std::string_view) override { ADD_FAILURE(); }
    void on_end() override { ADD_FAILURE(); }
    void on_failed(const std::string&) override { ADD_FAILURE(); }
    Reaper& reaper;
    io::OperationPtr own;
  } fickle(loop.context().reaper);
  server.on_request = [](const HttpServer::Asked& asked) { asked.peer->answer(200, "body"); };
  fickle.own = client->send({.target = "/"}, {}, fickle);
  loop.run_until_idle();
  EXPECT_EQ(runtime.exchanges.in_use(), 0U);
}

}  // namespace
}  // namespace outrigger::client
