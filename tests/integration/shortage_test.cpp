#include <algorithm>
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const std::string& address, const std::string& more = "") {
  return "services: {orders: {endpoints: {static: [\"" + address + "\"]}" + more + "}}\n";
}

std::vector<std::unique_ptr<Client>> connect(const Sidecar& sidecar, int count) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < count; ++i) clients.push_back(std::make_unique<Client>(sidecar.address()));
  return clients;
}

size_t lines_of(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Shortage, OutOfDescriptorsNewConnectionsAreRefusedAndOldOnesServed) {
  const Origin origin;
  const Sidecar sidecar("services:\n  orders: {endpoints: {static: [\"" + origin.address() +
                            "\"]}}\n  other: {hosts: [other], endpoints: {static: [\"" +
                            origin.address() + "\"]}}\n",
                        {.spawn = {.descriptors = 80}});
  Client kept(sidecar.address());
  ASSERT_EQ(kept.get("orders").status, 200);
  {
    auto many = connect(sidecar, 120);
    // The last ones are past the limit: each is taken and ended, and the loop goes on.
    EXPECT_TRUE(many.back()->sees_end());
    EXPECT_EQ(kept.get("orders").status, 200);
    const Response short_of = kept.get("other");
    EXPECT_EQ(short_of.status, 503);
    EXPECT_NE(short_of.field("proxy-status").find("proxy_internal_error"), std::string::npos)
        << short_of.field("proxy-status");
    EXPECT_EQ(many.front()->get("orders").status, 200);
  }
  EXPECT_TRUE(eventually([&] { return sidecar.get("orders").status == 200; }));
  EXPECT_EQ(sidecar.get("other").status, 200);
  EXPECT_GE(sidecar.metric("outrigger_overload_refusals_total", {"descriptors"}), 40);
}

TEST(Shortage, ProbesAreServedWhenCallersHaveAllDescriptorsAbuse117) {
  const Origin origin;
  const Sidecar sidecar(orders_at(origin.address()), {.spawn = {.descriptors = 80}});
  const auto many = connect(sidecar, 120);
  EXPECT_TRUE(many.back()->sees_end());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(get(sidecar.metrics_address(), "localhost", "/readyz").status, 200);
    EXPECT_EQ(sidecar.admin("GET", "/api/v1/services").status, 200);
  }
}

TEST(Shortage, ProbesAreServedBesideSilentConnectionsAbuse116) {
  const Sidecar sidecar(orders_at("127.0.0.1:1"));
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(std::make_unique<Client>(sidecar.metrics_address()));
  }
  EXPECT_TRUE(silent.front()->sees_end());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(get(sidecar.metrics_address(), "localhost", "/readyz").status, 200);
  }
}

TEST(Shortage, MoreConnectionsThanTheListenerMayHaveAreToldSo) {
  const Origin origin;
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", limits: {connections: 5}}]\n" +
      orders_at(origin.address()));
  {
    auto some = connect(sidecar, 5);
    for (const auto& client : some) ASSERT_EQ(client->get("orders").status, 200);
    EXPECT_EQ(Client(sidecar.address()).receive().status, 503);
    EXPECT_EQ(some.front()->get("orders").status, 200);
  }
  EXPECT_TRUE(eventually([&] { return sidecar.get("orders").status == 200; }));
}

// Without the sanitizer's own memory, which never goes back.
SidecarOptions lean() {
  return {.spawn = {
              .environment = {"ASAN_OPTIONS=quarantine_size_mb=0:thread_local_quarantine_size_kb=0:"
                              "allocator_release_to_os_interval_ms=50"}}};
}

double used_bytes(const Sidecar& sidecar) {
  return sidecar.metric("outrigger_memory_bytes", {"kind=\"anonymous\""});
}

TEST(Shortage, WhatNeverBecomesACallIsEndedBeforeMemoryIsShortForOthers) {
  const Origin origin;
  // So large that even the sanitizer's allocator gives freed ones back at once.
  constexpr size_t kHeadBytes = 600'000;
  const auto limited = [&](double bytes) {
    return "listeners: [{name: outbound, address: \"127.0.0.1:0\", limits: {header_bytes: 1MiB}}]\n"
           "memory: {limit: " +
           std::to_string(static_cast<int64_t>(bytes)) + "B}\n" + orders_at(origin.address());
  };
  double idle_bytes = 0;
  {
    const Sidecar sidecar(limited(1e12), lean());
    EXPECT_EQ(sidecar.get("orders").status, 200);
    EXPECT_TRUE(eventually([&] { return used_bytes(sidecar) > 0; }));
    idle_bytes = used_bytes(sidecar);
  }
  const Sidecar sidecar(limited(idle_bytes + 32e6), lean());
  EXPECT_EQ(sidecar.get("orders").status, 200);
  {
    // Heads that never end, as large as they may be.
    auto many = connect(sidecar, 120);
    const std::string head = "GET / HTTP/1.1\r\nHost: orders\r\nX: " + std::string(kHeadBytes, 'x');
    for (const auto& client : many) client->send(head);
    // All of them would be 72 MB.
    EXPECT_TRUE(eventually([&] {
      return sidecar.log().find("connections are ended") != std::string::npos;
    })) << used_bytes(sidecar)
        << " of " << idle_bytes + 32e6;
    EXPECT_TRUE(eventually([&] { return sidecar.get("orders").status == 200; }));
    EXPECT_EQ(get(sidecar.metrics_address(), "localhost", "/readyz").status, 200);
  }
  EXPECT_TRUE(eventually([&] { return sidecar.get("orders").status == 200; }, 20'000))
      << used_bytes(sidecar) << " of " << idle_bytes + 32e6;
}

TEST(Shortage, ALogThatCannotBeWrittenDropsLinesAndCountsThem) {
  const Origin origin;
  const Sidecar sidecar("access_log: {path: /dev/full}\n" + orders_at(origin.address()));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(sidecar.get("orders").status, 200);
  EXPECT_TRUE(eventually([&] { return sidecar.metric("outrigger_log_lines_dropped_total") >= 20; }))
      << sidecar.metric("outrigger_log_lines_dropped_total");
}

TEST(Shortage, ARotatedLogIsOpenedAnewOnSighup) {
  const Origin origin;
  const TempFolder folder;
  const auto path = folder / "access.log";
  Sidecar sidecar("access_log: {path: " + path.string() + "}\n" + orders_at(origin.address()));
  sidecar.get("orders");
  EXPECT_TRUE(eventually([&] { return lines_of(read_file(path)) == 1; }));
  std::filesystem::rename(path, folder / "access.log.1");
  sidecar.process().signal(SIGHUP);
  EXPECT_TRUE(sidecar.logs("reopened"));
  sidecar.get("orders");
  EXPECT_TRUE(eventually([&] { return lines_of(read_file(path)) == 1; })) << read_file(path);
  EXPECT_EQ(lines_of(read_file(folder / "access.log.1")), 1U);
}

// Each line stays one line of JSON, and no caller writes fields of its own into it.
TEST(Shortage, WhatCallersSendIsEscapedInTheLog) {
  const Origin origin;
  const TempFolder folder;
  const auto path = folder / "access.log";
  const Sidecar sidecar("access_log: {path: " + path.string() + "}\n" +
                        orders_at(origin.address()));
  const std::string quote = "a\",\"status\":999,\"x\":\"";
  const std::vector<std::string> calls = {
      "GET /%0d%0a{\"status\":999} HTTP/1.1\r\nHost: orders\r\n\r\n",
      "GET /\\ HTTP/1.1\r\nHost: orders\r\nX-Request-Id: " + quote + "\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: orders\r\nX-Request-Id: \xff\xfe\xc3(\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: orders\r\nTraceparent: " + quote + "\r\n\r\n",
      "GET /\x1b[31m HTTP/1.1\r\nHost: orders\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: nobody\"x\r\n\r\n",
      "G\"T / HTTP/1.1\r\nHost: orders\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: orders\r\nX: a\rb\r\n\r\n",
  };
  for (const std::string& bytes : calls) EXPECT_NE(call(sidecar.address(), bytes).status, 0);
  EXPECT_EQ(sidecar.get("orders", "/last").status, 200);
  EXPECT_TRUE(eventually([&] { return read_file(path).find("/last") != std::string::npos; }));
  replace_file(folder / "check.py",
               "import json, sys\n"
               "for line in open(sys.argv[1], 'rb').read().decode('utf-8').splitlines():\n"
               "    one = json.loads(line)\n"
               "    assert one['status'] != 999, line\n"
               "    assert not any(ord(c) < 32 or ord(c) == 127 for c in line), line\n");
  const Finished check = run({"python3", (folder / "check.py").string(), path.string()});
  EXPECT_EQ(check.code, 0) << check.err << read_file(path);
  EXPECT_GE(lines_of(read_file(path)), 4U);
}

TEST(Shortage, EachCallIsOneLineThatTellsWhatBecameOfIt) {
  const Origin origin;
  const TempFolder folder;
  const auto path = folder / "access.log";
  const Sidecar sidecar("access_log: {path: " + path.string() + "}\nunmatched: refuse\n" +
                        orders_at(origin.address()));
  sidecar.get("orders", "/good?secret=1", "X-Request-Id: id-1\r\n");
  sidecar.get("nobody", "/lost");
  EXPECT_TRUE(eventually([&] { return lines_of(read_file(path)) == 2; })) << read_file(path);
  const std::string log = read_file(path);
  const std::string good = log.substr(0, log.find('\n'));
  const std::string lost = log.substr(log.find('\n'));
  for (const std::string& part :
       {std::string("\"service\":\"orders\""), "\"endpoint\":\"" + origin.address() + "\"",
        std::string("\"path\":\"/good\""), std::string("\"status\":200"),
        std::string("\"outcome\":\"success\""), std::string("\"request_id\":\"id-1\""),
        std::string("\"attempts\":1"), std::string("\"bytes_out\":")}) {
    EXPECT_NE(good.find(part), std::string::npos) << part << " in " << good;
  }
  EXPECT_EQ(log.find("secret"), std::string::npos);
  EXPECT_NE(lost.find("\"status\":502"), std::string::npos) << lost;
  EXPECT_NE(lost.find("\"authority\":\"nobody\""), std::string::npos) << lost;
}

TEST(Shortage, TwoThousandIdleConnectionsCostLittleAndAreServed) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 5'000) GTEST_SKIP() << "too few descriptors allowed";
  const Origin origin;
  const Sidecar sidecar("workers: 2\nmemory: {limit: 100GiB}\n" + orders_at(origin.address()));
  EXPECT_EQ(sidecar.get("orders").status, 200);
  EXPECT_TRUE(eventually([&] { return used_bytes(sidecar) > 0; }));
  const double before = used_bytes(sidecar);
  auto many = connect(sidecar, 2'000);
  EXPECT_TRUE(eventually(
      [&] { return sidecar.metric("outrigger_connections", {"side=\"downstream\""}) == 2'000; }));
  // Generous: the sanitizer keeps a shadow of everything.
  EXPECT_LT(used_bytes(sidecar) - before, 2'000 * 16e3);
  for (const auto& client : many) ASSERT_EQ(client->get("orders").status, 200);
  many.clear();
  EXPECT_TRUE(eventually(
      [&] { return sidecar.metric("outrigger_connections", {"side=\"downstream\""}) == 0; }));
}

}  // namespace
}  // namespace outrigger::testing
