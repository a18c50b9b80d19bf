#include "filters/stale_store.hpp"

#include <algorithm>
#include <functional>

namespace outrigger::filters {
namespace {

constexpr int64_t kOverheadBytes = 256;  // of the containers, for each answer

bool may_store_status(int status) {
  constexpr int kStatuses[] = {200, 203, 204, 300, 301, 404, 410};
  return std::find(std::begin(kStatuses), std::end(kStatuses), status) != std::end(kStatuses);
}

bool is_noise(const StoreRules& rules, const http::Field& field) {
  for (const std::string& name : rules.noise) {
    if (http::same_name(field.name, name)) return true;
  }
  switch (field.id) {
    case http::Name::kTraceparent:
    case http::Name::kTracestate:
    case http::Name::kBaggage:
    case http::Name::kXRequestId:
    case http::Name::kUserAgent:
    case http::Name::kDate:
    case http::Name::kGrpcTimeout:
      return true;
    default:
      return false;
  }
}

bool is_credential(http::Name name) {
  return name == http::Name::kAuthorization || name == http::Name::kCookie ||
         name == http::Name::kProxyAuthorization;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// Whether Cache-Control, on any of its lines, has one of `wanted`.
bool has_directive(const http::Fields& fields, std::initializer_list<std::string_view> wanted) {
  bool found = false;
  for (const http::Field& field : fields) {
    if (field.id != http::Name::kCacheControl) continue;
    http::for_each_element(field.value, [&](std::string_view directive) {
      const std::string_view name = directive.substr(0, directive.find('='));
      for (const std::string_view known : wanted) found = found || http::same_name(name, known);
    });
  }
  return found;
}

// What RFC 9111 section 3 asks of a shared cache beyond what we always do, and section 4.2.4: an
// answer that must not be served stale need not be kept.
bool rfc9111_forbids(const http::RequestHead& request, const http::ResponseHead& response) {
  if (has_directive(request.fields, {"no-store"})) return true;
  if (has_directive(response.fields,
                    {"no-cache", "must-revalidate", "proxy-revalidate", "s-maxage"})) {
    return true;
  }
  return request.fields.find(http::Name::kAuthorization) != nullptr &&
         !has_directive(response.fields, {"public"});
}

// Whether the request says who asks in a field that the key leaves out: then another could get the
// answer to it (RFC 9111 section 3.5).
bool tells_who_asks(const config::Cache& policy, const http::RequestHead& request) {
  if (!policy.key_fields) return false;
  for (const http::Field& field : request.fields) {
    const bool in_key =
        std::any_of(policy.key_fields->begin(), policy.key_fields->end(),
                    [&](const std::string& name) { return http::same_name(field.name, name); });
    if (is_credential(field.id) && !in_key) return true;
  }
  return false;
}

void append_field(std::string& key, std::string_view name, std::string_view value) {
  key += lower(name);
  key += ':';
  key += value;
  key += '\n';
}

}  // namespace

int64_t StoredAnswer::bytes() const {
  size_t total = body.size() + vary.size() + vary_key.size();
  for (const auto& [name, value] : fields) total += name.size() + value.size() + 64;
  return static_cast<int64_t>(total);
}

std::string list_of(const http::Fields& fields, http::Name name) {
  std::string list;
  for (const http::Field& field : fields) {
    if (field.id != name) continue;
    if (!list.empty()) list += ", ";
    list += field.value;
  }
  return list;
}

std::optional<metrics::CacheSkip> why_not_stored(const config::Cache& policy,
                                                 const http::RequestHead& request,
                                                 const http::ResponseHead& response) {
  using metrics::CacheSkip;
  if (request.method != http::Method::kGet && request.method != http::Method::kHead) {
    return CacheSkip::kMethod;
  }
  if (!may_store_status(response.status)) return CacheSkip::kStatus;
  if (tells_who_asks(policy, request)) return CacheSkip::kCredentials;
  if (has_directive(response.fields, {"no-store", "private"}) ||
      response.fields.find(http::Name::kSetCookie) != nullptr) {
    return CacheSkip::kForbidden;
  }
  if (policy.store == config::CacheStore::kRfc9111 && rfc9111_forbids(request, response)) {
    return CacheSkip::kForbidden;
  }
  if (list_of(response.fields, http::Name::kVary).find('*') != std::string::npos) {
    return CacheSkip::kVary;
  }
  if (response.content_length > policy.entry_bytes) return CacheSkip::kTooLarge;
  return std::nullopt;
}

std::string cache_key(const StoreRules& rules, std::string_view service,
                      const http::RequestHead& request) {
  std::string key;
  key.reserve(512);
  append_field(key, service, request.method_text);
  append_field(key, lower(request.authority), request.target);
  if (rules.policy.key_fields) {
    for (const std::string& name : *rules.policy.key_fields) {
      for (const http::Field& field : request.fields) {
        if (http::same_name(field.name, name)) append_field(key, field.name, field.value);
      }
    }
    return key;
  }
  // The order of different fields means nothing (RFC 9110 section 5.3).
  std::vector<const http::Field*> sorted;
  for (const http::Field& field : request.fields) {
    if (!is_noise(rules, field)) sorted.push_back(&field);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return lower(a->name) < lower(b->name); });
  for (const http::Field* field : sorted) append_field(key, field->name, field->value);
  return key;
}

std::string vary_key(std::string_view vary, const http::RequestHead& request) {
  std::string key;
  http::for_each_element(vary, [&](std::string_view name) {
    for (const http::Field& field : request.fields) {
      if (http::same_name(field.name, name)) append_field(key, field.name, field.value);
    }
  });
  return key;
}

bool StaleStore::put(std::string_view service, const std::string& key, StoredAnswer answer) {
  const int64_t charge =
      answer.bytes() + static_cast<int64_t>(key.size() + service.size()) + kOverheadBytes;
  const size_t home = shard_of(key);
  if (!make_room(home, charge)) return false;
  auto stored = std::make_shared<const StoredAnswer>(std::move(answer));
  Shard& shard = x_shards[home];
  const std::lock_guard lock(shard.mutex);
  drop(shard, key);
  shard.recent.push_front({key, std::string(service), std::move(stored), charge});
  shard.by_key.emplace(shard.recent.front().key, shard.recent.begin());
  return true;
}

std::shared_ptr<const StoredAnswer> StaleStore::find(const std::string& key,
                                                     const http::RequestHead& request,
                                                     int64_t now_ms, int64_t max_age_ms) {
  Shard& shard = x_shards[shard_of(key)];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  if (found == shard.by_key.end()) return nullptr;
  std::shared_ptr<const StoredAnswer> answer = found->second->answer;
  if (now_ms - answer->stored_ms > max_age_ms) return nullptr;
  if (!answer->vary.empty() && vary_key(answer->vary, request) != answer->vary_key) return nullptr;
  shard.recent.splice(shard.recent.begin(), shard.recent, found->second);
  return answer;
}

size_t StaleStore::clear(std::string_view service) {
  size_t gone = 0;
  for (Shard& shard : x_shards) {
    const std::lock_guard lock(shard.mutex);
    for (auto entry = shard.recent.begin(); entry != shard.recent.end();) {
      const auto next = std::next(entry);
      if (entry->service == service) {
        drop(shard, entry);
        ++gone;
      }
      entry = next;
    }
  }
  return gone;
}

void StaleStore::shrink_to(int64_t bytes) {
  for (Shard& shard : x_shards) {
    const std::lock_guard lock(shard.mutex);
    while (x_budget.used() > bytes && !shard.recent.empty()) {
      drop(shard, std::prev(shard.recent.end()));
    }
  }
}

void StaleStore::set_limit(int64_t bytes) {
  x_budget.set_limit(bytes);
  shrink_to(bytes);
}

size_t StaleStore::shard_of(const std::string& key) {
  return std::hash<std::string>{}(key) % kShards;
}

void StaleStore::drop(Shard& shard, std::list<Entry>::iterator entry) {
  x_budget.give_back(entry->charged);
  shard.by_key.erase(entry->key);
  shard.recent.erase(entry);
}

void StaleStore::drop(Shard& shard, const std::string& key) {
  if (const auto known = shard.by_key.find(key); known != shard.by_key.end()) {
    drop(shard, known->second);
  }
}

// Takes `bytes` of the budget. The least recently used ones of the shard that needs the room go
// first; the others', one shard at a time, only when it has none left.
bool StaleStore::make_room(size_t first, int64_t bytes) {
  if (bytes > x_budget.limit()) return false;
  for (size_t i = 0; i < kShards; ++i) {
    Shard& shard = x_shards[(first + i) % kShards];
    const std::lock_guard lock(shard.mutex);
    do {
      if (x_budget.try_take(bytes)) return true;
      if (!shard.recent.empty()) drop(shard, std::prev(shard.recent.end()));
    } while (!shard.recent.empty());
  }
  return x_budget.try_take(bytes);
}

}  // namespace outrigger::filters
