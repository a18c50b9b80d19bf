#include "config/notes.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "config/reader.hpp"

namespace outrigger::config {
namespace {

// The fields of a request that say who asks, of which the list of `cache.key` has none, one or two.
std::vector<std::string_view> left_out(const std::vector<std::string>& key_fields) {
  std::vector<std::string_view> missing;
  for (const std::string_view name : {"authorization", "cookie"}) {
    const bool listed = std::find(key_fields.begin(), key_fields.end(), name) != key_fields.end();
    if (!listed) missing.push_back(name);
  }
  return missing;
}

std::string sentence(const std::vector<std::string_view>& missing) {
  std::string names = in_quotes(missing.front());
  if (missing.size() > 1) names += " or " + in_quotes(missing.back());
  return "\"key\" is without " + names +
         ": answers to requests that carry it are not stored (RFC 9111 section 3.5)";
}

Problem at(const std::optional<Place>& place, std::string path, std::string what) {
  if (!place) return {"", 0, 0, std::move(path), std::move(what)};
  return {place->file, place->line, place->column, std::move(path), std::move(what)};
}

}  // namespace

std::vector<Problem> notes(const Loaded& loaded) {
  std::vector<Problem> found;
  const auto add = [&](Problem note) {
    const bool known = std::any_of(found.begin(), found.end(), [&](const Problem& other) {
      return note.line > 0 && to_string(other) == to_string(note);
    });
    if (!known) found.push_back(std::move(note));
  };
  for (const ServiceConfig& service : loaded.config.services) {
    const std::optional<Cache>& cache = service.policy.cache;
    if (!cache || !cache->key_fields) continue;
    const auto missing = left_out(*cache->key_fields);
    if (missing.empty()) continue;
    add(at(where(loaded, {service.name, ""}, "cache.key"),
           "services." + service.name + ".cache.key", sentence(missing)));
  }
  return found;
}

}  // namespace outrigger::config
