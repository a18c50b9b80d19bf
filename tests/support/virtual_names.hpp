// VirtualNames is the name service in virtual time: the product's own Resolver, before name servers
// that say what a test tells them, for each name and family by itself: records, nothing, an error,
// late, or not at all. A name that no test has set does not exist. Owned by the test; whatever uses
// it dies first.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/resolver.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::testing {

class VirtualNames final : public io::NameService, private io::NameServers {
 public:
  // What is said when one type of one name is asked for.
  struct Script {
    io::Verdict verdict = io::Verdict::kNoName;  // kSilence: nothing ever comes
    std::vector<std::string> ips = {};
    int64_t ttl_s = 60;
    int64_t after_ms = 0;    // beside `answer_ms`
    bool is_second = false;  // behind the other family where both are due
    std::vector<io::ServiceRecord> places = {};
  };

  explicit VirtualNames(VirtualLoop& loop, std::string hosts_file = {})
      : x_loop(loop), x_resolver(loop.context(), *this, std::move(hosts_file)) {}

  io::OperationPtr resolve(const io::Question& question, io::ResolveEvents& events) override {
    ++x_lookups;
    return x_resolver.resolve(question, events);
  }

  uint64_t version() override { return x_resolver.version(); }

  // `name` without a dot at its end.
  Script& at(const std::string& name, io::RecordType type) { return x_scripts[{name, type}]; }
  // Both families: the one of the first address answers first, one without any has no records.
  void set(const std::string& name, const std::vector<std::string>& ips, int64_t ttl_s = 60);
  bool knows(const std::string& name) const {
    return x_scripts.contains({name, io::RecordType::kA});
  }
  // Both families say this.
  void set(const std::string& name, io::Verdict verdict);

  // From the next look on, this is what resolv.conf says; what is asked is forgotten.
  void set_search_list(io::SearchList list) {
    x_search_list = std::move(list);
    x_is_renewed = true;
  }

  // Every answer takes so long.
  int64_t answer_ms = 0;
  // Names that were asked for, A and AAAA each, with a dot at the end.
  std::vector<std::string> asked;

  uint64_t lookups() const { return x_lookups; }

 private:
  class Ask;

  bool renew() override { return std::exchange(x_is_renewed, false); }
  const io::SearchList& search_list() override { return x_search_list; }
  io::OperationPtr ask(const std::string& name, io::RecordType type,
                       io::ReplyEvents& events) override;

  VirtualLoop& x_loop;
  std::map<std::pair<std::string, io::RecordType>, Script> x_scripts;
  io::SearchList x_search_list;
  bool x_is_renewed = false;
  uint64_t x_lookups = 0;
  io::Resolver x_resolver;
};

}  // namespace outrigger::testing
