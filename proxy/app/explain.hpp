// `outrigger explain`: which listener, route, service, filters and policies a call would get, and
// which line of the file says so. Pure; asks the same router as the workers do.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "proxy/base/result.hpp"

namespace outrigger::app {

struct Question {
  std::string method;
  std::string url;                   // http://host[:port]/path
  std::vector<std::string> headers;  // "name: value"
};

// Text for people. The failure says what is wrong with the question.
Result<std::string> explain(const config::Loaded& loaded, const Question& question);

}  // namespace outrigger::app
