// A Town is a whole sidecar in memory and virtual time: the control plane and its workers over one
// virtual loop and one network of pipes, the services of a YAML text, scripted origins, and
// callers. Nothing is faked above the socket. As it goes down it checks that nothing is left.
//
//   Town town("services: {orders: {endpoints: {static: ['10.0.0.1:80']}}}");
//   Origin& origin = town.origin("10.0.0.1:80");
//   Caller caller(town);
//   EXPECT_EQ(caller.get("/x").status(), 200);
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "config/config.hpp"
#include "proxy/app/process.hpp"
#include "proxy/app/worker.hpp"
#include "tests/support/fake_files.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_names.hpp"
#include "tests/support/worker_origin.hpp"

namespace outrigger::app {
class ControlPlane;
}

namespace outrigger::testing {

inline config::Loaded loaded_of(std::string_view yaml) {
  config::Loaded loaded = config::load_text("town.yaml", yaml, {});
  for (const config::Problem& problem : loaded.problems) {
    ADD_FAILURE() << config::to_string(problem);
  }
  OUTRIGGER_ASSERT(loaded.ok());
  return loaded;
}
// As if no file had said it.
inline config::Loaded bare(const config::Config& config) { return {config, {}, {}, {}}; }
inline config::Config config_of(std::string_view yaml) { return loaded_of(yaml).config; }

class FakeKeptFiles;
class TownEnvironment;

class Town {
 public:
  static constexpr const char* kFile = "town.yaml";

  // How the drain ended.
  struct End {
    int64_t at_ms = 0;
    int calls_reset = 0;
  };

  // By path.
  using Contents = std::map<std::string, std::string>;

  // `wall_ms`: the time of day at the beginning; off: any.
  explicit Town(std::string_view yaml, unsigned worker_count = 1, uint64_t seed = 1,
                std::optional<int64_t> wall_ms = std::nullopt)
      : Town(loaded_of(yaml), {{kFile, std::string(yaml)}}, worker_count, seed, wall_ms) {}
  // With the files that it names.
  Town(std::string_view yaml, const Contents& named)
      : Town(loaded_of(yaml), {{kFile, std::string(yaml)}}, 1, 1, std::nullopt, named) {}
  Town(const config::Config& config, unsigned worker_count, uint64_t seed)
      : Town(bare(config), {}, worker_count, seed, std::nullopt) {}
  // A configuration without texts has no files. `kept`: what an earlier process left in
  // `snapshot.dir`.
  Town(config::Loaded loaded, const config::Texts& texts, unsigned worker_count, uint64_t seed,
       std::optional<int64_t> wall_ms, const Contents& named = {}, Contents kept = {});
  virtual ~Town();
  Town(const Town&) = delete;
  Town& operator=(const Town&) = delete;

  Origin& origin(std::string_view address) {
    auto& origin = origins[std::string(address)];
    if (!origin) origin = std::make_unique<Origin>(loop, network, *Address::parse(address));
    return *origin;
  }
  // The caller's way in: of one worker, as if the kernel had chosen it. Of a listener that has gone
  // too: nobody answers there.
  Address address(unsigned worker = 0, const std::string& listener = "outbound") const {
    return x_addresses.at(listener).at(worker);
  }
  upstream::Service& service(std::string_view name) { return *process.services.find(name); }
  upstream::CircuitState circuit(std::string_view name) { return service(name).circuit().state(); }

  // Another file, which is good; every worker has it when this returns.
  void take(std::string_view yaml) { take(loaded_of(yaml)); }
  void take(const config::Config& config) { take(bare(config)); }
  void take(config::Loaded loaded);
  // Another file; what is wrong with it beyond its text.
  std::vector<config::Problem> reload(std::string_view yaml) { return reload(loaded_of(yaml)); }
  std::vector<config::Problem> reload(config::Loaded loaded);
  // The configuration's file says this from now on. It is watched.
  void write(std::string_view yaml);
  // The files that the configuration in force names have other content, on the disk.
  void load_tls();
  // What discovery says.
  void set_endpoints(const std::string& name, const std::vector<std::string>& addresses);
  void give(const std::string& name, const std::vector<upstream::ListedAddress>& list);

  void run() { loop.run_until_idle(); }
  void pass_ms(int64_t ms) { loop.advance_ms(ms); }
  int64_t now_ms() const { return loop.now_ms(); }

  VirtualLoop loop;
  PipeNetwork network{loop};
  VirtualNames names{loop};
  std::map<std::string, std::unique_ptr<Origin>> origins;

 private:
  const std::unique_ptr<TownEnvironment> x_world;

 public:
  std::unique_ptr<app::ControlPlane> plane;
  app::Process& process;
  std::vector<std::unique_ptr<app::Worker>>& workers;
  const int& permits_posted;
  FakeFiles& files;
  FakeKeptFiles& disk;            // of `snapshot.dir`
  const std::optional<End>& end;  // once the drain is over

 private:
  void note_addresses();

  std::map<std::string, std::vector<Address>> x_addresses;
};

// A caller with one connection: requests as bytes out, answers as messages in.
class Caller final : public TestClient {
 public:
  explicit Caller(Town& town, unsigned worker = 0, const std::string& listener = "outbound")
      : TestClient(town.network, town.address(worker, listener)), x_town(town) {
    town.run();
  }
  // At any address, such as that of the admin API.
  Caller(Town& town, const Address& at) : TestClient(town.network, at), x_town(town) { town.run(); }
  // By a network of its own, such as one with TLS.
  Caller(Town& town, io::Network& network) : TestClient(network, town.address()), x_town(town) {
    town.run();
  }
  // A test may end while a stream is on the stack of nobody: plain destruction closes it.
  ~Caller() override = default;

  // Sends a request and goes on. `fields` are whole lines.
  void begin(std::string_view method, std::string_view target, std::string_view fields = {},
             std::string_view body = {}) {
    std::string head = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
    head += "Host: " + host + "\r\n" + std::string(fields);
    const bool with_length = !body.empty() || method == "POST" || method == "PUT";
    if (with_length) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    begin_raw(method, head + "\r\n" + std::string(body));
  }
  // Any bytes that begin with a request of that method.
  void begin_raw(std::string_view method, std::string_view bytes) {
    x_asked.emplace_back(method);
    send(bytes);
  }
  void expect_answer_to(std::string_view method) { x_asked.emplace_back(method); }

  // Lets time pass until the next answer is complete, or the connection over. The answer may be
  // incomplete then, or have no head at all.
  Message next(int64_t limit_ms = 120'000) {
    x_town.loop.run_until([&] { return x_taken < answers.size() || is_over(); }, limit_ms);
    if (x_taken < answers.size()) return answers[x_taken++];
    return partial();
  }
  Message ask(std::string_view method, std::string_view target, std::string_view fields = {},
              std::string_view body = {}) {
    begin(method, target, fields, body);
    return next();
  }
  Message get(std::string_view target = "/", std::string_view fields = {}) {
    return ask("GET", target, fields);
  }
  Message post(std::string_view target, std::string_view body, std::string_view fields = {}) {
    return ask("POST", target, fields, body);
  }

  // What there is of an answer that is not complete.
  Message partial() const {
    Message message;
    MessageReader::read(x_unread, asked(), is_over(), message);
    return message;
  }
  bool is_over() const { return ended || broken || !is_open(); }

  std::string host = "orders";
  std::vector<Message> answers;  // the complete ones, without interim ones
  std::vector<Message> interims;

  void on_read(std::string_view bytes) override {
    TestClient::on_read(bytes);
    x_unread += bytes;
    read_answers();
  }
  void on_end() override {
    TestClient::on_end();
    read_answers();
  }

 private:
  std::string_view asked() const {
    return answers.size() < x_asked.size() ? std::string_view(x_asked[answers.size()]) : "GET";
  }
  void read_answers() {
    Message message;
    while (x_unread.size() >= x_needs) {
      const size_t used = MessageReader::read(x_unread, asked(), ended, message);
      x_needs = used == 0 ? message.needs : 0;
      if (used == 0) return;
      x_unread.erase(0, used);
      message.at_ms = x_town.now_ms();
      EXPECT_FALSE(message.malformed) << message.start;
      (message.status() < 200 ? interims : answers).push_back(std::move(message));
    }
  }

  Town& x_town;
  std::vector<std::string> x_asked;
  std::string x_unread;
  size_t x_needs = 0;
  size_t x_taken = 0;
};

}  // namespace outrigger::testing
