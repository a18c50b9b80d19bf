#include "admin/kept_overrides.hpp"

#include <nlohmann/json.hpp>

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

Json to_kept(const OverrideEntry& entry) {
  Json json = {{"id", entry.id},
               {"kind", static_cast<int>(entry.kind)},
               {"service", entry.target.service},
               {"route", entry.target.route},
               {"endpoint", entry.endpoint},
               {"key", entry.key},
               {"value", entry.value},
               {"file_value", entry.file_value},
               {"replaced", entry.replaced},
               {"actor", entry.actor},
               {"reason", entry.reason},
               {"since_ms", entry.since_ms}};
  if (entry.until_ms) json["until_ms"] = *entry.until_ms;
  return json;
}

OverrideEntry entry_of(const Json& json) {
  OverrideEntry entry;
  entry.id = json.at("id").get<std::string>();
  entry.kind = static_cast<OverrideEntry::Kind>(json.at("kind").get<int>() & 3);
  entry.target = {json.at("service").get<std::string>(), json.at("route").get<std::string>()};
  entry.endpoint = json.at("endpoint").get<std::string>();
  entry.key = json.at("key").get<std::string>();
  entry.value = json.at("value").get<std::string>();
  entry.file_value = json.at("file_value").get<std::string>();
  entry.replaced = json.at("replaced").get<std::string>();
  entry.actor = json.at("actor").get<std::string>();
  entry.reason = json.at("reason").get<std::string>();
  entry.since_ms = json.at("since_ms").get<int64_t>();
  if (json.contains("until_ms")) entry.until_ms = json.at("until_ms").get<int64_t>();
  return entry;
}

}  // namespace

std::string to_kept(const std::vector<OverrideEntry>& entries) {
  Json list = Json::array();
  for (const OverrideEntry& entry : entries) {
    if (entry.layer == OverrideEntry::Layer::kAdmin) list.push_back(to_kept(entry));
  }
  return Json{{"overrides", std::move(list)}}.dump(1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

std::vector<OverrideEntry> from_kept(std::string_view text) {
  std::vector<OverrideEntry> entries;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("overrides")) return entries;
  try {
    for (const Json& one : json.at("overrides")) entries.push_back(entry_of(one));
  } catch (const Json::exception&) {
    entries.clear();
  }
  return entries;
}

}  // namespace outrigger::admin
