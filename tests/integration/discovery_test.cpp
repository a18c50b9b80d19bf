#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string list_of(const std::vector<std::string>& addresses) {
  std::string text = "endpoints:\n";
  for (const std::string& address : addresses) text += "  - \"" + address + "\"\n";
  return text;
}

std::string orders_from(const std::string& source) {
  return "services: {orders: {endpoints: " + source + "}}\n";
}

// Whether new calls are answered with that body, soon and from then on.
bool moves_to(const Sidecar& sidecar, const std::string& body, int64_t limit_ms = 10'000) {
  return eventually([&] { return sidecar.get("orders").body == body; }, limit_ms) &&
         sidecar.get("orders").body == body && sidecar.get("orders").body == body;
}

TEST(Discovery, AFileIsTakenWhenItIsReplaced) {
  const Origin a(Origin::answer("a"));
  const Origin b(Origin::answer("b"));
  const TempFolder folder;
  const auto file = folder / "orders.yaml";
  replace_file(file, list_of({a.address()}));
  const Sidecar sidecar(orders_from("{file: " + file.string() + "}"));
  EXPECT_EQ(sidecar.get("orders").body, "a");
  replace_file(file, list_of({b.address()}));
  EXPECT_TRUE(moves_to(sidecar, "b"));
}

TEST(Discovery, AChangeThatKeepsSizeAndTimeIsSeen) {
  const Origin a(Origin::answer("a"));
  const Origin b(Origin::answer("b"));
  const TempFolder folder;
  const auto file = folder / "orders.yaml";
  ASSERT_EQ(a.address().size(), b.address().size());
  replace_file(file, list_of({a.address()}));
  const Sidecar sidecar(orders_from("{file: " + file.string() + "}"));
  const auto time = std::filesystem::last_write_time(file);
  std::ofstream(file, std::ios::binary) << list_of({b.address()});
  std::filesystem::last_write_time(file, time);
  EXPECT_TRUE(moves_to(sidecar, "b"));
}

TEST(Discovery, ABrokenFileKeepsTheLastListAndIsCounted) {
  const Origin a(Origin::answer("a"));
  const Origin b(Origin::answer("b"));
  const TempFolder folder;
  const auto file = folder / "orders.yaml";
  replace_file(file, list_of({a.address()}));
  const Sidecar sidecar(orders_from("{file: " + file.string() + "}"));
  replace_file(file, "endpoints: [\"not an address\"\n");
  EXPECT_TRUE(sidecar.logs("discovery failed"));
  EXPECT_EQ(sidecar.get("orders").body, "a");
  EXPECT_GE(sidecar.metric("outrigger_discovery_errors_total", {"source=\"file\""}), 1);
  std::filesystem::remove(file);
  EXPECT_EQ(sidecar.get("orders").body, "a");
  replace_file(file, list_of({b.address()}));
  EXPECT_TRUE(moves_to(sidecar, "b"));
}

// A ConfigMap: the file is a link into `..data`, itself a link that is replaced.
TEST(Discovery, TheSymlinkSwapOfAConfigMapIsSeen) {
  namespace fs = std::filesystem;
  const Origin a(Origin::answer("a"));
  const Origin b(Origin::answer("b"));
  const TempFolder folder;
  const auto publish = [&](const std::string& version, const std::string& text) {
    fs::create_directory(folder / version);
    replace_file(folder / version / "orders.yaml", text);
    fs::create_directory_symlink(version, folder / "..data_tmp");
    fs::rename(folder / "..data_tmp", folder / "..data");
  };
  publish("..v1", list_of({a.address()}));
  fs::create_symlink("..data/orders.yaml", folder / "orders.yaml");
  const Sidecar sidecar(orders_from("{file: " + (folder / "orders.yaml").string() + "}"));
  EXPECT_EQ(sidecar.get("orders").body, "a");
  publish("..v2", list_of({b.address()}));
  fs::remove_all(folder / "..v1");
  EXPECT_TRUE(moves_to(sidecar, "b"));
  publish("..v3", list_of({a.address()}));
  EXPECT_TRUE(moves_to(sidecar, "a"));
}

// Whether exactly these are listed.
bool serves(const Sidecar& sidecar, const std::vector<std::string>& list) {
  const std::string body = sidecar.admin("GET", "/api/v1/services/orders").body;
  const std::string listed = "\"listed\":" + std::to_string(list.size()) + ",";
  return body.find(listed) != std::string::npos &&
         std::all_of(list.begin(), list.end(), [&](const std::string& address) {
           return body.find('"' + address + '"') != std::string::npos;
         });
}

TEST(Discovery, AListThatChangesUnderLoadLosesNoCall) {
  const Origin a;
  const Origin b;
  const Origin c;
  const TempFolder folder;
  const auto file = folder / "orders.yaml";
  replace_file(file, list_of({a.address(), b.address()}));
  const Sidecar sidecar("workers: 2\n" + orders_from("{file: " + file.string() + "}"));
  std::atomic<bool> ended{false};
  std::atomic<int> sent{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      Client client(sidecar.address());
      for (; !ended; ++sent) {
        const Response response =
            client.call("POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 2\r\n\r\nhi");
        if (response.status == 200) continue;
        ++lost;
        EXPECT_EQ(response.status, 200) << response.field("proxy-status");
      }
    });
  }
  const std::vector<std::vector<std::string>> lists = {
      {b.address(), c.address()}, {a.address()}, {a.address(), b.address(), c.address()}};
  for (int change = 0; change < 15; ++change) {
    const auto& list = lists[static_cast<size_t>(change) % lists.size()];
    replace_file(file, list_of(list));
    EXPECT_TRUE(eventually([&] { return serves(sidecar, list); }));
    const int before = sent;
    eventually([&] { return sent > before + 20; });
  }
  ended = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(a.hits() + b.hits() + c.hits(), static_cast<size_t>(sent));
  EXPECT_GT(c.hits(), 0U);
}

TEST(Discovery, AUnionHoldsEachAddressOnce) {
  const Origin a;
  const Origin b;
  const TempFolder folder;
  const auto file = folder / "orders.yaml";
  replace_file(file, list_of({a.address(), b.address()}));
  const Sidecar sidecar(
      orders_from("{union: [{static: [\"" + a.address() + "\"]}, {file: " + file.string() + "}]}"));
  const auto listed = [&](const std::string& count) {
    return sidecar.admin("GET", "/api/v1/services/orders").body.find("\"listed\":" + count) !=
           std::string::npos;
  };
  EXPECT_TRUE(listed("2"));
  replace_file(file, list_of({a.address()}));
  EXPECT_TRUE(eventually([&] { return listed("1"); }));
}

TEST(Discovery, TheFirstSourceThatHasEnoughServesAndIsReturnedToAfterHold) {
  const Origin a(Origin::answer("a"));
  const Origin b(Origin::answer("b"));
  const TempFolder folder;
  const auto file = folder / "orders.yaml";
  replace_file(file, list_of({}) + "  []\n");
  const Sidecar sidecar(
      "services: {orders: {when_empty: refuse, endpoints: {first_of: [{file: " + file.string() +
      ", min: 1}, {static: [\"" + b.address() + "\"]}], hold: 200ms}}}\n");
  EXPECT_TRUE(moves_to(sidecar, "b"));
  replace_file(file, list_of({a.address()}));
  EXPECT_TRUE(moves_to(sidecar, "a"));
}

TEST(Discovery, WithoutAnEndpointTheCallerIsToldSo) {
  const TempFolder folder;
  const Sidecar sidecar("startup: {wait: 1ms}\n" +
                        orders_from("{file: " + (folder / "absent.yaml").string() + "}"));
  const Response refused = sidecar.get("orders");
  EXPECT_EQ(refused.status, 503);
  EXPECT_NE(refused.field("proxy-status").find("destination_unavailable"), std::string::npos);
  EXPECT_NE(refused.field("proxy-status").find("no_endpoint"), std::string::npos);
}

// A real name server, with names from a file that it reads again on SIGHUP. Names lead to addresses
// of loopback, and the port says which origin.
class NameServer {
 public:
  explicit NameServer(const std::string& hosts) : x_port(free_port()) {
    write(hosts);
    x_process.emplace(std::vector<std::string>{
        "dnsmasq", "-k", "-C", "/dev/null", "-p", std::to_string(x_port), "-a", "127.0.0.1", "-z",
        "-h", "-R", "--local=/test/", "--addn-hosts=" + (x_folder / "hosts").string(),
        "--local-ttl=1",
        "--user=" + run({"id", "-un"}).out.substr(0, run({"id", "-un"}).out.find('\n')),
        "--pid-file=", "--log-facility=-"});
  }
  void write(const std::string& hosts) {
    replace_file(x_folder / "hosts", hosts);
    std::filesystem::permissions(x_folder.path(), std::filesystem::perms::all);
  }
  void change(const std::string& hosts) {
    write(hosts);
    x_process->signal(SIGHUP);
  }
  void stop() { x_process.reset(); }
  // It says nothing any more, until go_on().
  void fall_silent() { x_process->signal(SIGSTOP); }
  void go_on() { x_process->signal(SIGCONT); }
  std::string address() const { return "127.0.0.1:" + std::to_string(x_port); }
  bool is_up() {
    return eventually([this] { return x_process->err().find("started") != std::string::npos; });
  }
  std::string log() const { return x_process->err(); }

 private:
  TempFolder x_folder;
  const int x_port;
  std::optional<Process> x_process;
};

// An origin on 127.0.0.1; the same port on 127.0.0.2 is closed.
TEST(Discovery, ARealNameServerGivesAddressesAndTheirChange) {
  if (!is_installed("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
  const Origin origin;
  NameServer names("127.0.0.2 orders.test\n");
  ASSERT_TRUE(names.is_up()) << names.log();
  const Sidecar sidecar(
      "registries: {dns: {servers: [\"" + names.address() + "\"], ttl_min: 100ms}}\n" +
      orders_from("{dns: {name: orders.test, port: " + std::to_string(origin.port()) + "}}"));
  const auto listed = [&](const std::string& address) {
    return sidecar.admin("GET", "/api/v1/services/orders").body.find('"' + address + ':') !=
           std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return listed("127.0.0.2"); })) << sidecar.log();
  EXPECT_EQ(sidecar.get("orders.test").status, 502);
  names.change("127.0.0.1 orders.test\n127.0.0.3 orders.test\n");
  EXPECT_TRUE(eventually([&] { return listed("127.0.0.1") && listed("127.0.0.3"); }));
  EXPECT_FALSE(listed("127.0.0.2"));
  names.change("127.0.0.1 orders.test\n");
  EXPECT_TRUE(eventually([&] { return !listed("127.0.0.3"); }));
  EXPECT_EQ(sidecar.get("orders.test").status, 200);
  names.stop();
  EXPECT_TRUE(sidecar.logs("discovery failed", 20'000)) << sidecar.log();
  EXPECT_EQ(sidecar.get("orders.test").status, 200);
  EXPECT_GE(sidecar.metric("outrigger_discovery_errors_total", {"source=\"dns\""}), 1);
}

TEST(Discovery, ANameServerThatFallsSilentTakesNoEndpointAway) {
  if (!is_installed("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
  const Origin origin;
  NameServer names("127.0.0.1 orders.test\n");
  ASSERT_TRUE(names.is_up()) << names.log();
  const Sidecar sidecar(
      "registries: {dns: {servers: [\"" + names.address() + "\"], ttl_min: 100ms}}\n" +
      orders_from("{dns: {name: orders.test, port: " + std::to_string(origin.port()) + "}}"));
  EXPECT_TRUE(eventually([&] { return sidecar.get("orders").status == 200; })) << sidecar.log();
  names.fall_silent();
  EXPECT_TRUE(sidecar.logs("no name server answered in time", 30'000)) << sidecar.log();
  EXPECT_EQ(sidecar.get("orders").status, 200);
  EXPECT_GE(sidecar.metric("outrigger_discovery_errors_total", {"source=\"dns\""}), 1);
  names.go_on();
  names.change("127.0.0.1 orders.test\n127.0.0.3 orders.test\n");
  EXPECT_TRUE(eventually(
      [&] {
        return sidecar.admin("GET", "/api/v1/services/orders").body.find("127.0.0.3:") !=
               std::string::npos;
      },
      40'000));
}

TEST(Discovery, ANameThatGoesIsServedFromTheLastListAndOneThatNeverWasIsNot) {
  if (!is_installed("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
  const Origin origin;
  NameServer names("127.0.0.1 orders.test\n127.0.0.1 hasty.test\n");
  ASSERT_TRUE(names.is_up()) << names.log();
  const std::string port = std::to_string(origin.port());
  const Sidecar sidecar(
      "startup: {wait: 1s}\nregistries: {dns: {servers: [\"" + names.address() +
      "\"], ttl_min: 100ms}}\nservices:\n  orders: {endpoints: {dns: {name: orders.test, port: " +
      port + "}}}\n  hasty: {when_empty: refuse, endpoints: {dns: {name: hasty.test, port: " +
      port + "}}}\n  never: {endpoints: {dns: {name: never.test, port: " + port + "}}}\n");
  EXPECT_EQ(sidecar.get("orders").status, 200);
  EXPECT_EQ(sidecar.get("hasty").status, 200);
  EXPECT_EQ(sidecar.get("never").status, 503);
  names.change("");
  EXPECT_TRUE(eventually([&] { return sidecar.get("hasty").status == 503; })) << sidecar.log();
  EXPECT_EQ(sidecar.get("orders").status, 200);
}

TEST(Discovery, PassthroughLooksNamesUpAtTheSameServer) {
  if (!is_installed("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
  NameServer names("127.0.0.1 orders.test\n");
  ASSERT_TRUE(names.is_up()) << names.log();
  const Sidecar sidecar("registries: {dns: {servers: [\"" + names.address() + "\"]}}\n" +
                        orders_from("{static: [\"127.0.0.1:1\"]}"));
  const Response unknown = sidecar.get("nowhere.test");
  EXPECT_EQ(unknown.status, 502);
  EXPECT_NE(unknown.field("proxy-status").find("dns_error"), std::string::npos)
      << unknown.field("proxy-status");
}

}  // namespace
}  // namespace outrigger::testing
