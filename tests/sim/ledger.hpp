// The Ledger knows of one run what nobody in it knows whole: which calls were made, which of them
// arrived where, which answers were made for them, and how they ended. Origins, clients and the
// worker's observer write it; each entry is checked against what is known already. It also keeps
// the trace, whose hash tells whether two runs were the same. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/tunnel_ledger.hpp"

namespace outrigger::sim {

// The byte at `offset` of the body of which `key` is all that is known. Bodies of two keys differ
// within a few bytes.
char body_byte(uint64_t key, size_t offset);
std::string make_body(uint64_t key, size_t size);
bool is_body_at(uint64_t key, size_t offset, std::string_view bytes);

constexpr uint64_t request_key(uint32_t id) { return uint64_t{id} << 8; }
constexpr uint64_t answer_key(uint32_t id, size_t attempt) {
  return (uint64_t{id} << 8) + 1 + attempt;
}

// What an origin answered to one attempt.
struct Answer {
  int status = 0;
  size_t body_bytes = 0;
  bool is_whole = false;             // it was a complete, well-formed message
  std::optional<int> grpc_status{};  // that it said
};

// What a caller wants of the proxy. kBytes: a connection that is carried unread, whose exchange
// does not say whose it is.
enum class Asks : uint8_t { kMessage, kConnect, kUpgrade, kBytes };

struct Call {
  uint32_t id = 0;
  Asks asks = Asks::kMessage;
  size_t service = 0;
  std::string method;
  std::string path;
  size_t body_bytes = 0;
  bool has_body = false;
  bool is_grpc = false;
  int64_t deadline_ms = 0;  // that the caller set; 0: none

  std::map<size_t, int> arrivals;  // at the origins of each service
  std::vector<Answer> answers;     // by attempt, in order of arrival
  bool begun = false;
  int64_t came_ms = 0;  // when it began, and nothing stood before it any more
  int served = 0;       // of these, made by an origin for this call
  int ended = 0;        // exchanges
  int answered = 0;     // complete answers that the client saw
};

class Ledger {
 public:
  explicit Ledger(bool trace) : x_print(trace) {}

  // -- the trace
  void note(int64_t now_ms, std::string_view what, uint64_t a = 0, uint64_t b = 0);
  uint64_t hash() const { return x_hash; }

  // -- what must not be
  void violation(const std::string& what);
  bool is_violated() const { return !x_violation.empty(); }
  const std::string& what() const { return x_violation; }

  // -- calls
  Call& add_call();
  Call* find(uint32_t id);
  std::vector<Call>& calls() { return x_calls; }
  // Those that were begun and have not ended.
  uint64_t running() const;

  // Bytes of a request reached an origin of that service. Returns the attempt's number, from 0.
  size_t arrived(uint32_t id, size_t service, bool may_be_repeated);
  // It was sent back as one that nobody has looked at.
  void sent_back(uint32_t id, size_t service, bool had_arrived);
  // Among good peers it happens once, so that no call runs out of places.
  bool may_send_back(bool gentle) { return !std::exchange(x_sends_back, true) || !gentle; }
  Answer& answer(uint32_t id, size_t attempt) { return x_calls[id - 1].answers[attempt]; }

  // -- the process did not run then
  void pause(int64_t from_ms, int64_t to_ms) { x_pauses.emplace_back(from_ms, to_ms); }
  // How much of this time.
  int64_t paused_ms(int64_t from_ms, int64_t to_ms) const;

  // Another process takes the place of the first; nobody accepts in that moment.
  void note_restart(int64_t now_ms) {
    x_restarted_ms = now_ms;
    ++x_restarts;
  }
  bool may_refuse(int64_t now_ms) const { return now_ms == x_restarted_ms; }
  int restarts() const { return x_restarts; }

  TunnelLedger tunnels;

  uint64_t clients_broken_off = 0;
  uint64_t answers_seen = 0;
  uint64_t own_replies_seen = 0;
  uint64_t stale_seen = 0;
  std::map<int, uint64_t> statuses;

 private:
  const bool x_print;
  uint64_t x_hash = 0xcbf29ce484222325;
  std::string x_violation;
  bool x_sends_back = false;
  std::vector<std::pair<int64_t, int64_t>> x_pauses;
  int64_t x_restarted_ms = -1;
  int x_restarts = 0;
  std::vector<Call> x_calls;  // the id is the place, from 1
};

}  // namespace outrigger::sim
