// What calls did since it was last asked: of each service and named route that had any, how many,
// how many failed, and how long the middle one and the slowest of a hundred took. From the counters
// that are there anyway, by their buckets. Owned by whoever shows it; control thread. The shards
// outlive it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "metrics/shards.hpp"

namespace outrigger::metrics {

struct LiveService {
  SeriesKey key;
  uint64_t calls = 0;
  uint64_t failed = 0;  // neither a success nor the caller's own fault
  double p50_ms = 0;    // to the response head
  double p99_ms = 0;
};

class Live {
 public:
  explicit Live(const Shards& shards);

  std::vector<LiveService> since_last();

 private:
  struct Counted {
    std::vector<uint64_t> buckets;
    uint64_t failed = 0;
  };
  static Counted count(const Shards::Slice& workers, size_t buckets);

  const Shards& x_shards;
  std::map<SeriesKey, Counted> x_last;
};

}  // namespace outrigger::metrics
