// Good answers kept for the day when there are none: the private store of this one application that
// `fallback: stale` answers from. Process-wide, bounded in bytes, least recently used first out; 16
// shards, each behind its own mutex. It decides what may be stored (section 3 of RFC 9111, relaxed
// by policy), not when an answer is served.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "config/policy.hpp"
#include "metrics/series.hpp"
#include "proxy/chain/request_body.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::filters {

struct StoredAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::string vary;  // the Vary field, and below what the request said for it
  std::string vary_key;
  int64_t content_length = -1;  // as declared; of HEAD
  int64_t stored_ms = 0;
  int64_t age_s = 0;  // the Age it came with

  int64_t bytes() const;
};

struct StoreRules {
  config::Cache policy;
  std::vector<std::string>
      noise;  // fields that say nothing of what is asked for, beyond the known ones
};

// All elements of a field that may come on several lines, as one list.
std::string list_of(const http::Fields& fields, http::Name name);

// Why an answer is not stored; nothing: it is.
std::optional<metrics::CacheSkip> why_not_stored(const config::Cache& policy,
                                                 const http::RequestHead& request,
                                                 const http::ResponseHead& response);

// What makes two requests the same: method, host, target and the end-to-end fields but noise, or
// those that the policy lists.
std::string cache_key(const StoreRules& rules, std::string_view service,
                      const http::RequestHead& request);
// The values of the fields that `vary` names.
std::string vary_key(std::string_view vary, const http::RequestHead& request);

class StaleStore {
 public:
  explicit StaleStore(int64_t limit_bytes) : x_budget(limit_bytes) {}

  // False when it does not fit, whatever is thrown out.
  bool put(std::string_view service, const std::string& key, StoredAnswer answer);
  // Null when there is none, it is older than `max_age_ms`, or its Vary does not match.
  std::shared_ptr<const StoredAnswer> find(const std::string& key, const http::RequestHead& request,
                                           int64_t now_ms, int64_t max_age_ms);
  // Empties the store of a service; returns how many answers went.
  size_t clear(std::string_view service);
  // Throws out the least recently used ones until at most `bytes` are left.
  void shrink_to(int64_t bytes);

  int64_t bytes() const { return x_budget.used(); }
  int64_t limit() const { return x_budget.limit(); }
  void set_limit(int64_t bytes);

 private:
  struct Entry {
    std::string key;
    std::string service;
    std::shared_ptr<const StoredAnswer> answer;
    int64_t charged = 0;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Entry> recent;  // the front was used last
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key;
  };
  static constexpr size_t kShards = 16;

  static size_t shard_of(const std::string& key);
  void drop(Shard& shard, std::list<Entry>::iterator entry);
  void drop(Shard& shard, const std::string& key);
  bool make_room(size_t first, int64_t bytes);

  std::array<Shard, kShards> x_shards;
  chain::MemoryBudget x_budget;
};

}  // namespace outrigger::filters
