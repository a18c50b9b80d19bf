// An Origin is one instance of a service as the network knows them: good for a while, then slow,
// broken, rude or gone. It reads requests strictly, checks that they are whole and somebody's, and
// answers by a script drawn from its mood. Behind every worker's network the same one listens.
// Owned by the World; one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/address.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/plan.hpp"
#include "tests/support/pipe_network.hpp"

namespace outrigger::sim {

enum class Behaviour : uint8_t {
  kGood,
  kInterim,     // 100 or 103 first
  kLastOne,     // Connection: close
  kUntilClose,  // no length: the end of the connection is the end of the body
  kEarly,       // answers before it has read the request
  kServerError,
  kResetBeforeHead,
  kEndBeforeHead,  // a clean end without a response byte
  kResetInHead,
  kResetInBody,
  kTruncated,  // a clean end before the length is reached
  kMalformed,
  kExtraBytes,  // bytes behind the response
  kSilent,      // never answers
  kStallsInBody,
  kStopsReading,  // for a while, within the request
  kCount,
};

// The same over HTTP/2, where an answer has a stream of its own.
enum class H2Behaviour : uint8_t {
  kGood,
  kInterim,   // 100 or 103 first
  kLastOne,   // GOAWAY that lets all that was begun end
  kEarly,     // answers before it has read the request
  kSentBack,  // GOAWAY with an id below this stream
  kRefused,   // REFUSED_STREAM, at once or later
  kServerError,
  kResetBeforeHead,
  kResetInBody,
  kDies,  // the connection breaks or ends, maybe within a frame
  kMalformed,
  kGarbage,  // bytes that are no frame
  kSilent,   // never answers
  kStallsInBody,
  kStopsTaking,  // the request's body, for a while or for ever
  kCount,
};

struct Mood {
  double trouble = 0;  // share of answers that are not kGood
  std::vector<Behaviour> troubles;
  std::vector<H2Behaviour> h2_troubles;
  bool is_h1_only = false;
  int64_t delay_most_ms = 0;
  size_t body_most = 2'000;
  bool closes_idle = false;  // at bad moments
};

// What origins share.
struct OriginContext {
  const Plan& plan;
  Random& random;
  Ledger& ledger;
};

class Origin {
 public:
  // `opaque`: its connections are bytes from the first on, and it may speak first.
  Origin(OriginContext context, size_t service, const Address& address, bool opaque);
  ~Origin();

  void listen_on(testing::VirtualLoop& loop, testing::PipeNetwork& network);
  // Another mood, and another way for its connections to behave.
  void change_mood();
  void become_good();

  const Address& address() const { return x_address; }
  size_t service() const { return x_service; }
  bool is_opaque() const { return x_is_opaque; }
  // Calls that ran when one of its connections ended, by this side or the network.
  uint64_t deaths() const { return x_deaths; }
  // When a connection or a request came last.
  int64_t last_seen_ms() const { return x_last_seen_ms; }

 private:
  class Door;
  class H1Connection;
  class H2Connection;
  class H2Stream;
  class Tunnel;

  void set_network();
  // Calls that run now may be repeated for free, once each.
  void note_death() { x_deaths += x_context.ledger.running(); }

  OriginContext x_context;
  const size_t x_service;
  const Address x_address;
  const bool x_is_opaque;
  Mood x_mood;
  testing::AddressOptions x_options;
  uint64_t x_deaths = 0;
  int64_t x_last_seen_ms = 0;
  bool x_chops = false;  // some of its connections deliver what is sent at once in pieces
  std::vector<std::unique_ptr<Door>> x_doors;
};

}  // namespace outrigger::sim
