// A PollSource asks a registry over HTTP again and again: the base of what knows the questions and
// answers of one kind of registry. After an error it waits, longer each time and at random, and
// asks the next server. Owned by a tree of sources; control thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/base/loop_context.hpp"
#include "proxy/discovery/backoff.hpp"
#include "proxy/discovery/registry_server.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

class PollSource : public Source {
 public:
  ~PollSource() override = default;

  void start() final;
  void remember(Memory& memory) const final;
  // Since the last answer.
  int64_t age_ms() const final { return x_loop.clock.now_ms() - x_answered_at_ms; }
  int64_t lapsed_ms() const final { return x_is_failing ? age_ms() : 0; }
  bool is_from_disk() const final { return x_is_from_disk; }

 protected:
  // `key` says what is asked of which registry; `memory` is only read here.
  PollSource(LoopContext loop, std::shared_ptr<RegistryServer> server, SourceKind kind,
             std::string key, const Memory& memory, SourceEvents& events);

  const LoopContext& loop() const { return x_loop; }
  const RegistryServer& server() const { return *x_server; }

 private:
  virtual client::Request question() = 0;
  virtual client::Bounds bounds() const = 0;
  // The list, or a sentence why the answer is of no use.
  virtual Result<AddressList> read(const client::Answer& answer) = 0;
  // After a good answer: when to ask again.
  virtual int64_t next_ms() = 0;
  // What was known of the conversation counts no more.
  virtual void start_over() {}

  void ask();
  void take(const Result<client::Answer>& answer);
  void fail(const std::string& why);
  void ask_in(int64_t ms);

  const LoopContext x_loop;
  const std::shared_ptr<RegistryServer> x_server;
  const SourceKind x_kind;
  const std::string x_key;
  std::optional<Known> x_remembered;  // before start()
  Backoff x_after_error{kErrorBackoffMinMs, kErrorBackoffMaxMs};
  int64_t x_answered_at_ms = 0;
  bool x_is_failing = false;
  bool x_is_from_disk = false;
  client::Client* x_asked = nullptr;  // by the latest call
  io::OperationPtr x_call;
  Timer x_again = Timer::of<&PollSource::ask>(*this);
};

// Why an answer says nothing; empty: its status is a good one.
std::string why_refused(const client::Answer& answer);
// The same of a status that is none, with the start of what was said.
std::string why_refused(int status, std::string text);

}  // namespace outrigger::discovery
