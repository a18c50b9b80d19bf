#pragma once
// One mistake in a configuration, as `outrigger check` prints it and the admin API returns it. A
// value; any thread.

#include <string>

namespace outrigger::config {

struct Problem {
  std::string file;  // empty for a patch, which has no lines
  int line = 0;      // from 1; 0 is nowhere
  int column = 0;    // from 1
  std::string path;  // `services.orders.retry.attempts`; may be empty
  std::string what;  // what is wrong; what was meant?

  bool operator==(const Problem&) const = default;
};

// `FILE:LINE:COL: what`, or `path: what` where there is no line.
inline std::string to_string(const Problem& problem) {
  if (problem.line == 0) {
    const std::string& place = problem.file.empty() ? problem.path : problem.file;
    return place.empty() ? problem.what : place + ": " + problem.what;
  }
  return problem.file + ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column) +
         ": " + problem.what;
}

}  // namespace outrigger::config
