// What an operation of the admin API answers, before it becomes a local reply. Errors are problem
// details (RFC 9457). Plain values; control thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/problem.hpp"
#include "metrics/exposition.hpp"

namespace outrigger::admin {

class LaterAnswer;

// What an answer waits for. Numbers count changes and saves; 0 is none.
struct Awaited {
  uint64_t change = 0;  // every worker has it
  uint64_t save = 0;    // it is on disk, or failed to get there
};

struct Answer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
  // The answer waits for these, at most a second: 200, else 202.
  Awaited awaited;
  // The answer is another one, which comes later; this one is given when it takes more than a
  // second.
  std::shared_ptr<LaterAnswer> later;
  // Instead of a body: events after this id, as they come.
  std::optional<uint64_t> stream_after;
  // Instead of a body: what is going on, once a second.
  bool is_live = false;
  // Instead of a body: the page of metrics, as it is made.
  std::optional<metrics::Exposition> scrape;
};

Answer json(std::string body);
Answer text(std::string body, std::string content_type = "text/plain; charset=utf-8");

// `application/problem+json`; what is wrong in a document goes to `errors`, by path.
Answer problem(int status, std::string_view detail,
               const std::vector<config::Problem>& errors = {});
// The same list, as JSON behind `body`.
void append_errors(std::string& body, const std::vector<config::Problem>& errors);

}  // namespace outrigger::admin
