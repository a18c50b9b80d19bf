// A Source says where the instances of a service are: a leaf (fixed list, file, DNS name) or a rule
// over other sources. Owned by the source above it or by Discovery, a tree; control thread.
// Destroying one cancels silently, and may be done from anywhere but its own report. A source that
// fails keeps its list.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/upstream/service.hpp"

namespace outrigger::discovery {

using AddressList = std::vector<upstream::ListedAddress>;

// What sources last knew, by what they ask: it serves their successors in the tree of another
// configuration until these have an answer of their own.
struct Known {
  AddressList list;
  int64_t at_ms = 0;
  bool from_disk = false;  // kept by an earlier process
};
using Memory = std::map<std::string, Known, std::less<>>;

// The leaves: who failed, in the label `source` of a metric.
enum class SourceKind : uint8_t { kStatic, kFile, kDns, kConsul, kEureka, kKubernetes };
inline constexpr size_t kSourceKinds = 6;
std::string_view to_string(SourceKind kind);

class SourceEvents {
 public:
  // An answer, also one that changes nothing: the list is confirmed. It may be empty.
  virtual void on_list(const AddressList& list) = 0;
  // No usable answer: a sentence for people. The list stays.
  virtual void on_failed(SourceKind kind, const std::string& why) = 0;
  // A list that lost so many of so many endpoints at once waits to be confirmed (ShrinkGuard).
  virtual void on_doubted(size_t lost, size_t of) = 0;

 protected:
  ~SourceEvents() = default;
};

class Source {
 public:
  virtual ~Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  // Once. May report from inside.
  virtual void start() = 0;

  bool answered() const { return x_answered; }
  // The list of the latest answer. Empty before the first.
  const AddressList& list() const { return x_list; }

  // Adds what this source and those below it know. Static lists are in every configuration anyway.
  virtual void remember(Memory& memory) const = 0;

  // How long ago the list was known to be right; 0 for what is watched and readable. Requires:
  // answered().
  virtual int64_t age_ms() const = 0;
  // The same while the source fails, and 0 while it is in touch. Requires: answered().
  virtual int64_t lapsed_ms() const = 0;
  // The list is one that an earlier process kept, and nothing has confirmed it yet.
  virtual bool is_from_disk() const { return false; }

 protected:
  explicit Source(SourceEvents& events) : x_events(events) {}

  void report(AddressList list);
  void report_failure(SourceKind kind, const std::string& why) { x_events.on_failed(kind, why); }
  void report_doubt(size_t lost, size_t of) { x_events.on_doubted(lost, of); }

 private:
  SourceEvents& x_events;
  AddressList x_list;
  bool x_answered = false;
};
using SourcePtr = std::unique_ptr<Source>;

// The settings of one tree of sources; they change while it lives.
struct TreeSettings {
  // How long a list serves after its source said that there is nothing; off: not at all.
  std::optional<int64_t> keep_last_ms;
};

// The same addresses, weights, states and zones in the same order.
bool same_list(const AddressList& a, const AddressList& b);
// Addresses of `before` that are not in `after`.
size_t count_lost(const AddressList& before, const AddressList& after);

}  // namespace outrigger::discovery
