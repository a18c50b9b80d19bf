// Answers of the admin API as text for people: JSON in, text out, the shape of each in golden
// texts of the tests. A failure says that the answer is of a version that this one does not
// understand. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/result.hpp"

namespace outrigger::ctl {

struct Look {
  int64_t now_ms = 0;  // wall time
  bool wide = false;
  bool colour = false;
};
using Text = Result<std::string>;

// GET of what is in their names.
Text status_view(std::string_view body, const Look& look);
Text services_view(std::string_view body, const Look& look);
Text service_view(std::string_view body, const Look& look);
Text endpoints_view(std::string_view body, const Look& look);
Text circuits_view(std::string_view body, const Look& look);
Text circuit_view(std::string_view body, const Look& look);
Text policy_view(std::string_view body, const Look& look);
Text overrides_view(std::string_view body, const Look& look);
Text events_view(std::string_view body, const Look& look);
Text event_view(std::string_view event, const Look& look);  // of the stream: a line
Text unmatched_view(std::string_view body, const Look& look);
Text registrations_view(std::string_view body, const Look& look);
// How what runs stands to the files: GET of the configuration as JSON, and of the overrides.
Text difference_view(std::string_view state, std::string_view overrides, const Look& look);
Text live_view(std::string_view message, const Look& look);

// POST of a reload, which took so long.
Text reload_view(std::string_view body, int64_t took_ms, const Look& look);

}  // namespace outrigger::ctl
