// Overrides and events: what differs from the file, and what happened.
#include <nlohmann/json.hpp>

#include "proxy/ctl/understood.hpp"

namespace outrigger::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string until(const Json& entry, const Look& look) {
  const auto until_ms = wall_ms_of(text_at(entry, "until"));
  return until_ms
             ? clock_time(*until_ms, look.now_ms) + " (" + short_time(*until_ms - look.now_ms) + ")"
             : "it is undone";
}

// What two values differ in: "retry.attempts 3 -> 1, retry.unsent 2 -> 0" of objects.
void append_difference(std::string& out, const Json& before, const Json& after,
                       const std::string& path) {
  if (before == after) return;
  if (!before.is_object() || !after.is_object()) {
    if (!out.empty()) out += ", ";
    out += (path.empty() ? "" : path + " ") + value_text(before) + " -> " + value_text(after);
    return;
  }
  const auto inner = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  for (const auto& [key, value] : before.items()) {
    append_difference(out, value, after.value(key, Json()), inner(key));
  }
  for (const auto& [key, value] : after.items()) {
    if (!before.contains(key)) append_difference(out, Json(), value, inner(key));
  }
}

std::string difference(const Json& event) {
  const auto before = event.find("before");
  const auto after = event.find("after");
  if (before == event.end()) return text_at(event, "after");
  if (after == event.end()) return value_text(*before);
  std::string out;
  append_difference(out, *before, *after, "");
  return out.empty() ? "as before" : out;
}

// Time, kind, subject, change, why and who; without what is empty.
std::string event_line(const Json& event, const Look& look) {
  std::string line;
  const auto add = [&line](const std::string& text) {
    if (text.empty()) return;
    if (!line.empty()) line += "  ";
    line += harmless(text);
  };
  if (event.contains("count") && !event.contains("kind")) {
    return text_at(event, "count") + " events before these are no longer kept\n";
  }
  const auto at_ms = wall_ms_of(text_at(event, "time"));
  add(at_ms ? clock_time(*at_ms, look.now_ms) : text_at(event, "time"));
  add(text_at(event, "kind"));
  add(name_of(event));
  add(text_at(event, "endpoint"));
  const std::string from = text_at(event, "from");
  const std::string to = text_at(event, "to");
  add(to.empty() ? from : from + " -> " + to);
  add(difference(event));
  add(text_at(event, "reason"));
  const std::string actor = text_at(event, "actor");
  add(actor.empty() ? "" : "by " + actor);
  return line + "\n";
}

}  // namespace

Text overrides_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    std::vector<std::string> heads{"ID",   "SERVICE", "KEY",   "VALUE",
                                   "FILE", "BY",      "UNTIL", "REASON"};
    if (look.wide) heads.insert(heads.end(), {"LAYER", "REPLACED", "SINCE"});
    Table table(heads);
    for (const Json& entry : answer.at("overrides")) {
      const std::string by = text_at(entry, "by");
      const std::string endpoint = text_at(entry, "endpoint");
      std::vector<Cell> row{text_at(entry, "id"),
                            name_of(entry),
                            text_at(entry, "key") + (endpoint.empty() ? "" : " " + endpoint),
                            value_text(entry.at("value")),
                            value_text(entry.at("file_value")),
                            by.empty() ? text_at(entry, "actor") : by,
                            until(entry, look),
                            text_at(entry, "reason")};
      if (look.wide) {
        row.emplace_back(text_at(entry, "layer"));
        row.emplace_back(value_text(entry.at("replaced")));
        const auto since_ms = wall_ms_of(text_at(entry, "since"));
        row.emplace_back(since_ms ? clock_time(*since_ms, look.now_ms) : "");
      }
      table.add(std::move(row));
    }
    return table.empty() ? std::string("nothing differs from the file\n") : table.text(look.colour);
  });
}

Text events_view(std::string_view body, const Look& look) {
  return understood<Json>(body, [&](const Json& answer) {
    std::string out;
    for (const Json& event : answer.at("events")) out += event_line(event, look);
    return out.empty() ? std::string("nothing has changed since the start\n") : out;
  });
}

Text event_view(std::string_view event, const Look& look) {
  return understood<Json>(event, [&](const Json& told) { return event_line(told, look); });
}

}  // namespace outrigger::ctl
