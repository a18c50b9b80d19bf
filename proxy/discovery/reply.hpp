// What registries answer, as lists: JSON of Consul, Eureka and the Kubernetes API. An item is read
// and let go before the next one, so that a large answer costs little more than its text. What is
// wrong in an item (a type, a port, an address) refuses the whole answer, for half a list would
// look like a whole one. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/result.hpp"
#include "proxy/discovery/source.hpp"

namespace outrigger::discovery {

// GET /v1/health/service/NAME?passing: instances that pass, each once.
Result<AddressList> read_consul(std::string_view body);
// GET /eureka/apps/APP or /eureka/vips/VIP: those that are UP; others take no calls.
Result<AddressList> read_eureka(std::string_view body);

// -- EndpointSlices (discovery.k8s.io/v1)

struct SliceEndpoint {
  std::string ip;            // is one
  bool terminating = false;  // serves still
  std::string zone;
};
struct Slice {
  std::string name;
  std::string service;
  std::vector<std::pair<std::string, uint16_t>> ports;  // by name, which may be empty
  std::vector<SliceEndpoint> endpoints;                 // that are ready or serve still
};
struct SlicePage {
  std::vector<Slice> slices;
  std::string version;    // of the list; opaque
  std::string next_page;  // empty: this was the last one
};
Result<SlicePage> read_slices(std::string_view body);

// A line of a watch.
struct SliceEvent {
  enum class Kind : uint8_t { kSet, kDeleted, kBookmark, kGone, kError };
  Kind kind = Kind::kError;
  Slice slice;          // of kSet and kDeleted
  std::string version;  // of the object; empty: not said
  std::string why;      // of kError
};
Result<SliceEvent> read_slice_event(std::string_view line);

// The message of a Status, with which the API server refuses; empty: there is none.
std::string read_status(std::string_view body);

}  // namespace outrigger::discovery
