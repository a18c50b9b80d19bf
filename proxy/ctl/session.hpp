// One sidecar, asked by one command: adds the token, and tells what was not done apart from what
// was not reached. Owned by the command; blocking, one thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/ctl/caller.hpp"
#include "proxy/ctl/view.hpp"

namespace outrigger::ctl {

inline constexpr int kDone = 0;
inline constexpr int kUnreachable = 1;
inline constexpr int kUsage = 2;
inline constexpr int kRefused = 3;

struct Failed {
  int code = kUnreachable;
  std::string why;  // one line
};
// What to print.
using Outcome = Result<std::string, Failed>;

struct SessionOptions {
  std::string token;  // empty: none is sent
  bool json = false;  // bodies as they come instead of text
  Look look;
  std::string command;  // with which this sidecar is asked again: "outrigger ctl --admin X"
};

class Session {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  Session(Caller& caller, SessionOptions options)
      : x_caller(caller), x_options(std::move(options)) {}

  // An answer of 2xx.
  Result<client::Answer, Failed> ask(std::string_view method, const std::string& target,
                                     std::string_view body = {}, Fields fields = {});
  // A read whose body is shown by `view`, or as it came.
  Outcome show(const std::string& target, Text (*view)(std::string_view, const Look&));
  // Messages of a stream, each shown by `view`, until it ends. The failure tells why it did.
  Failed follow(const std::string& target, Fields fields,
                Text (*view)(std::string_view, const Look&), bool redraws);

  bool json() const { return x_options.json; }
  // Of this moment.
  Look look() const;
  const std::string& command() const { return x_options.command; }
  int64_t ticks_ms() const { return x_caller.ticks_ms(); }

 private:
  void add_token(Fields& fields) const;

  Caller& x_caller;
  const SessionOptions x_options;
};

// The problem of an answer (RFC 9457) as one line.
std::string problem_line(int status, std::string_view body);

Outcome outcome_of(const Text& text);
void print(std::string_view text);

}  // namespace outrigger::ctl
