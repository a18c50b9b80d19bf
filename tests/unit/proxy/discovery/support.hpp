// What the tests of discovery share: lists as text, a recorder of reports, a source that does what
// the test says, and surroundings in virtual time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/client/client.hpp"
#include "proxy/discovery/registry_server.hpp"
#include "proxy/discovery/source.hpp"
#include "proxy/discovery/surroundings.hpp"
#include "tests/support/fake_files.hpp"
#include "tests/support/http_server.hpp"
#include "tests/support/pipe_network.hpp"
#include "tests/support/virtual_loop.hpp"
#include "tests/support/virtual_names.hpp"

namespace outrigger::discovery {

using Texts = std::vector<std::string>;

inline AddressList listed(const Texts& texts) {
  AddressList list;
  for (const auto& text : texts) list.push_back({*Address::parse(text)});
  return list;
}

inline Texts texts(const AddressList& list) {
  Texts out;
  for (const auto& each : list) out.push_back(each.address.to_string());
  return out;
}

struct Recorder final : SourceEvents {
  void on_list(const AddressList& list) override { lists.push_back(texts(list)); }
  void on_failed(SourceKind, const std::string& why) override { failures.push_back(why); }
  void on_doubted(size_t lost, size_t of) override {
    doubts.push_back(std::to_string(lost) + " of " + std::to_string(of));
  }

  Texts latest() const { return lists.empty() ? Texts{"nothing"} : lists.back(); }

  std::vector<Texts> lists;
  Texts failures;
  Texts doubts;
};

// Says what the test makes it say.
class ScriptedSource final : public Source {
 public:
  ScriptedSource(const Clock& clock, SourceEvents& events) : Source(events), x_clock(clock) {}

  void start() override {
    if (on_start) on_start();
  }
  void remember(Memory& memory) const override { memory["scripted"] = {list(), x_answered_at_ms}; }
  int64_t age_ms() const override { return x_clock.now_ms() - x_answered_at_ms; }
  int64_t lapsed_ms() const override { return x_is_failing ? age_ms() : 0; }

  void say(const Texts& addresses) {
    x_is_failing = false;
    x_answered_at_ms = x_clock.now_ms();
    report(listed(addresses));
  }
  void fail() {
    x_is_failing = true;
    report_failure(SourceKind::kDns, "away");
  }

  std::function<void()> on_start;

 private:
  const Clock& x_clock;
  bool x_is_failing = false;
  int64_t x_answered_at_ms = 0;
};

// One of several registries with the same names.
class Registry final : public io::NameService {
 public:
  explicit Registry(io::NameService& names) : x_names(names) {}

  io::OperationPtr resolve(const io::Question& question, io::ResolveEvents& events) override {
    return x_names.resolve(question, events);
  }
  uint64_t version() override { return x_names.version(); }

 private:
  io::NameService& x_names;
};

// A loop in virtual time with a name server, files and a network on it.
struct VirtualWorld {
  Surroundings surroundings() {
    return {loop.context(), files, [this](const config::DnsRegistryConfig&) {
              ++opened;
              return std::make_shared<Registry>(names);
            }};
  }
  RegistryAccess access() {
    using Tls = Published<io::TlsClientContext>;
    const auto tls = [this](const std::string&) -> const Tls& { return no_tls; };
    const auto variable = [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      if (found == variables.end()) return std::nullopt;
      return found->second;
    };
    return {transport, tls, variable};
  }
  int64_t now_ms() const { return loop.now_ms(); }

  testing::VirtualLoop loop;
  testing::PipeNetwork network{loop};
  testing::VirtualNames names{loop};
  testing::FakeFiles files{loop};
  int opened = 0;  // registries
  testing::LoopRuntime runtime{loop};
  client::Transport transport{runtime.runtime, network,
                              [this] { return std::make_shared<Registry>(names); }};
  Published<io::TlsClientContext> no_tls;
  std::map<std::string, std::string, std::less<>> variables;
};

}  // namespace outrigger::discovery
