// The Resolver answers for names out of what name servers say, and shares its places among the
// lookups so that a silent zone keeps no other waiting. It caches nothing. Every lookup dies before
// it. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/name_servers.hpp"

namespace outrigger::io {

class Resolver final : public NameService {
 public:
  // Lookups that may be under way at once; others wait for a place.
  static constexpr size_t kPlaces = 256;
  // A lookup that is without an answer for longer gives its place to another, and waits on beside.
  static constexpr int64_t kPromptMs = 500;
  // So many do so; then the one that has waited for longest is given up.
  static constexpr size_t kMostSilent = 1'024;
  // With so many silent names a zone gets a place only when no other name wants one, and when half
  // of them are free.
  static constexpr size_t kMostSilentOfZone = 16;
  // While a lookup is under way it is looked so often whether the system asks others by now.
  static constexpr int64_t kRenewMs = 1'000;

  // `hosts_file` is looked at first, as hosts(5); empty: off.
  Resolver(LoopContext loop, NameServers& servers, std::string hosts_file = {});
  ~Resolver() override;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  OperationPtr resolve(const Question& question, ResolveEvents& events) override;
  uint64_t version() override;
  // Whether no one waits for an answer.
  bool is_idle() const {
    return x_waiting.empty() && x_suspects.empty() && x_placed.empty() && x_silent.empty();
  }

 private:
  class Lookup;

  std::vector<Address> known_addresses(const Question& question) const;
  void give_places();
  Lookup* next_in_line();
  bool is_suspect(const Lookup& lookup) const;
  void move_to_silent(Lookup& lookup);
  void leave(Lookup& lookup);
  void renew();
  void look_again();

  LoopContext x_loop;
  NameServers& x_servers;
  const std::string x_hosts_file;
  List<Lookup, Lookup> x_waiting;
  List<Lookup, Lookup> x_suspects;  // waiting too, of zones that are silent
  List<Lookup, Lookup> x_placed;
  List<Lookup, Lookup> x_silent;  // the front for longest
  size_t x_placed_count = 0;
  size_t x_silent_count = 0;
  std::unordered_map<std::string, size_t> x_silent_of_zone;
  uint64_t x_version = 0;
  Timer x_look_again = Timer::of<&Resolver::look_again>(*this);
};

}  // namespace outrigger::io
