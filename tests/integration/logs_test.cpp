// Logs that nobody takes: they hold up neither a call nor a probe nor the start nor the end.
#include <array>
#include <csignal>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/io/fd.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const std::string& address) {
  return "services: {orders: {endpoints: {static: [\"" + address + "\"]}}}\n";
}

std::string free_address() { return "127.0.0.1:" + std::to_string(free_port()); }

// A sidecar whose standard error is a full pipe.
class Unread {
 public:
  explicit Unread(const Origin& origin) {
    replace_file(x_folder / "outrigger.yaml",
                 "admin: {address: \"" + admin + "\"}\nmetrics: {address: \"" + metrics +
                     "\"}\nlisteners: [{name: outbound, address: \"" + address +
                     "\"}]\ndrain: {grace: 3s, quiet: 100ms}\n" + orders_at(origin.address()));
    const auto fifo = x_folder / "err";
    EXPECT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    x_full = io::Fd(::open(fifo.c_str(), O_RDWR | O_NONBLOCK));
    while (::write(x_full.get(), "x", 1) == 1) {
    }
    // The shell opens it as others do: every write waits for the reader.
    process.emplace(std::vector<std::string>{"sh", "-c",
                                             "exec " + outrigger_binary() + " run -c " +
                                                 (x_folder / "outrigger.yaml").string() + " 2<>" +
                                                 fifo.string()});
    EXPECT_TRUE(eventually([&] { return get(address, "orders").status == 200; }));
  }

  // Whether those that share standard error are still held up by it, as they expect.
  bool shares_what_blocks() const {
    const std::string facts = read_file("/proc/" + std::to_string(process->pid()) + "/fdinfo/2");
    const size_t flags = facts.find("flags:");
    return flags != facts.npos &&
           (std::strtol(facts.c_str() + flags + 6, nullptr, 8) & O_NONBLOCK) == 0;
  }
  bool force(int n) const {
    const std::string body = n % 2 == 0 ? R"({"state":"auto"})" : R"({"state":"forced_closed"})";
    const std::string reason(200, 'x');
    return call(admin, "PUT /api/v1/circuits/orders/state?reason=" + reason +
                           " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           "Connection: close\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n" + body)
               .status == 200;
  }

  const std::string address = free_address();
  const std::string admin = free_address();
  const std::string metrics = free_address();
  std::optional<Process> process;

 private:
  TempFolder x_folder;
  io::Fd x_full;
};

TEST(Logs, StandardErrorThatNobodyReadsHoldsUpNothing) {
  const Origin origin;
  Unread sidecar(origin);
  EXPECT_TRUE(sidecar.shares_what_blocks());
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(sidecar.force(i)) << i;
  EXPECT_EQ(get(sidecar.metrics, "localhost", "/healthz").status, 200);
  // A worker logs this one: PUSH_PROMISE from a client (RFC 9113 section 8.4).
  using namespace std::string_literals;
  Client malformed(sidecar.address);
  malformed.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\0\0\0\4\0\0\0\0\0"s +
                 "\0\0\4\5\4\0\0\0\1\0\0\0\2"s);
  EXPECT_TRUE(malformed.wire().read_to_end().has_value());
  EXPECT_EQ(get(sidecar.address, "orders").status, 200);
  sidecar.process->signal(SIGTERM);
  EXPECT_EQ(sidecar.process->wait(10'000), 0);
}

TEST(Logs, AnAccessLogInAFifoWaitsForItsReaderAndNobodyElseDoes) {
  const Origin origin;
  const TempFolder folder;
  const auto fifo = folder / "access.log";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0666), 0);
  const Sidecar sidecar("access_log: {path: " + fifo.string() + "}\n" +
                        orders_at(origin.address()));
  EXPECT_EQ(sidecar.get("orders", "/first").status, 200);
  const io::Fd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK));
  std::string read;
  EXPECT_TRUE(eventually([&] {
    std::array<char, 4096> bytes;
    const ssize_t got = ::read(reader.get(), bytes.data(), bytes.size());
    if (got > 0) read.append(bytes.data(), static_cast<size_t>(got));
    return read.find("/first") != std::string::npos;
  })) << read;
}

TEST(Logs, AnAccessLogWhoseReaderStoppedDropsLinesAndDoesNotHoldUpTheEnd) {
  const Origin origin;
  const TempFolder folder;
  const auto fifo = folder / "access.log";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0666), 0);
  const io::Fd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK));
  Sidecar sidecar("access_log: {path: " + fifo.string() + "}\ndrain: {grace: 3s, quiet: 100ms}\n" +
                  orders_at(origin.address()));
  const std::string path = "/" + std::string(7000, 'x');
  for (int i = 0; i < 170; ++i) ASSERT_EQ(sidecar.get("orders", path).status, 200) << i;
  EXPECT_GT(sidecar.metric("outrigger_log_lines_dropped_total"), 0);
  sidecar.process().signal(SIGTERM);
  EXPECT_EQ(sidecar.process().wait(10'000), 0);
}

}  // namespace
}  // namespace outrigger::testing
