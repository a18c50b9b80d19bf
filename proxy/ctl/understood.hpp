// What the sources of views share about JSON, of whatever library they include: it is slow to
// compile, so no header does. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "config/key_path.hpp"
#include "proxy/ctl/table.hpp"
#include "proxy/ctl/view.hpp"

namespace outrigger::ctl {

// What `view` makes of the body.
template <class Json, class View>
Text understood(std::string_view body, View view) {
  try {
    return std::string(view(Json::parse(body)));
  } catch (const typename Json::exception&) {
    return failure(std::string("the sidecar's answer is none that this version understands"));
  }
}

// A value as the file writes it: words without quotes, the rest as JSON.
template <class Json>
std::string value_text(const Json& value) {
  return value.is_string() ? value.template get<std::string>() : value.dump();
}

// Empty where it is not there, or null.
template <class Json>
std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? std::string() : value_text(*found);
}

// What the settings of a service have at a path with dots, as text. Where something above it is
// off, that is what it is.
template <class Json>
std::string setting_text(const Json& settings, std::string_view path) {
  const Json* at = &settings;
  while (!path.empty() && at->is_object()) {
    const auto found = at->find(config::take_key(path));
    if (found == at->end()) return "off";
    at = &*found;
  }
  return value_text(*at);
}

// "orders", or "orders/reads" where it has a route.
template <class Json>
std::string name_of(const Json& object) {
  const std::string route = text_at(object, "route");
  return text_at(object, "service") + (route.empty() ? "" : "/" + route);
}

// "INC-42 (ana, 8m left)" of an override: why, who, how long yet.
template <class Json>
std::string why_of(const Json& entry, int64_t now_ms) {
  std::string who = text_at(entry, "by");
  if (who.empty()) who = text_at(entry, "actor");
  std::string reason = text_at(entry, "reason");
  std::string rest = who;
  if (const auto until_ms = wall_ms_of(text_at(entry, "until"))) {
    if (!rest.empty()) rest += ", ";
    rest += short_time(*until_ms - now_ms) + " left";
  }
  if (rest.empty()) return reason;
  return (reason.empty() ? "no reason given" : reason) + " (" + rest + ")";
}

inline Tone tone_of(std::string_view circuit) {
  if (circuit == "closed") return Tone::kGood;
  return circuit == "open" || circuit == "forced_open" ? Tone::kBad : Tone::kWarning;
}

}  // namespace outrigger::ctl
