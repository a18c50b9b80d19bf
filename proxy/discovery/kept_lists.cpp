#include "proxy/discovery/kept_lists.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace outrigger::discovery {
namespace {

using Json = nlohmann::json;

Json item_of(const upstream::ListedAddress& listed) {
  Json item = {{"address", listed.address.to_string()}};
  if (listed.weight != 1) item["weight"] = listed.weight;
  if (listed.terminating) item["terminating"] = true;
  if (!listed.zone.empty()) item["zone"] = listed.zone;
  return item;
}

// Throws where a type is another.
upstream::ListedAddress listed_of(const Json& item) {
  upstream::ListedAddress listed;
  const auto address = Address::parse(item.at("address").get<std::string>());
  if (!address || !address->is_ip()) throw Json::other_error::create(501, "no address", &item);
  listed.address = *address;
  listed.weight = std::clamp(item.value("weight", 1), 1, 1'000);
  listed.terminating = item.value("terminating", false);
  listed.zone = item.value("zone", "");
  return listed;
}

}  // namespace

std::string to_text(const Memory& memory, const Clock& clock) {
  Json lists = Json::object();
  for (const auto& [key, known] : memory) {
    Json items = Json::array();
    for (const upstream::ListedAddress& listed : known.list) items.push_back(item_of(listed));
    const int64_t wall_ms = clock.wall_ms() - (clock.now_ms() - known.at_ms);
    lists[key] = {{"at_ms", wall_ms}, {"list", std::move(items)}};
  }
  return lists.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Memory> memory_from(std::string_view text, const Clock& clock) {
  Memory memory;
  try {
    const Json lists = Json::parse(text);
    for (const auto& [key, entry] : lists.items()) {
      Known known;
      const int64_t age_ms = clock.wall_ms() - entry.at("at_ms").get<int64_t>();
      known.at_ms = clock.now_ms() - std::max<int64_t>(0, age_ms);
      known.from_disk = true;
      for (const Json& item : entry.at("list")) known.list.push_back(listed_of(item));
      memory.emplace(key, std::move(known));
    }
  } catch (const Json::exception& wrong) {
    return failure(wrong.what());
  }
  return memory;
}

}  // namespace outrigger::discovery
