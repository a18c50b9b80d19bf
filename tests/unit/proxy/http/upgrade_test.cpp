#include "proxy/http/upgrade.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace outrigger::http {
namespace {

struct Protocols : ::testing::Test {
  std::string all(std::string_view upgrade) {
    return std::string(carried_protocols(upgrade, arena));
  }
  std::string listed(std::string_view upgrade, const std::vector<std::string>& names) {
    return std::string(carried_protocols(upgrade, names, arena));
  }
  Arena arena{{}};
};

TEST_F(Protocols, AreCarriedButForThoseOfOneHop) {
  EXPECT_EQ(all("websocket"), "websocket");
  EXPECT_EQ(all("SPDY/3.1, tcp"), "SPDY/3.1, tcp");
  EXPECT_EQ(all("h2c"), "");
  EXPECT_EQ(all("TLS/1.2, TLS/1.0"), "");
  EXPECT_EQ(all("TLS/1.3, HTTP/2.0"), "HTTP/2.0");
  EXPECT_EQ(all("foo ,\th2C,, bar/1"), "foo,bar/1");
  EXPECT_EQ(all("h2c-14, tlsx"), "h2c-14, tlsx");
  EXPECT_EQ(all(""), "");
}

TEST_F(Protocols, ThatAreNoneAreLeftOut) { EXPECT_EQ(all("a b, good, /1, x/, y/1/2"), "good"); }

TEST_F(Protocols, AreOnlyThoseWithAListedNameInWhateverCaseAndVersion) {
  EXPECT_EQ(listed("WebSocket", {"websocket"}), "WebSocket");
  EXPECT_EQ(listed("foo, SPDY/3.1, bar", {"tcp", "spdy"}), "SPDY/3.1");
  EXPECT_EQ(listed("websocket", {}), "");
  EXPECT_EQ(listed("websockets", {"websocket"}), "");
}

TEST_F(Protocols, OfALongListCostNoMoreThanItsLength) {
  std::string list;
  for (int i = 0; i < 10'000; ++i) list += "tcp,h2c,";
  EXPECT_EQ(all(list).size(), 10'000U * 4 - 1);
  EXPECT_LE(arena.heap_bytes(), list.size() + 4096);
}

}  // namespace
}  // namespace outrigger::http
