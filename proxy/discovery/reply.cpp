#include "proxy/discovery/reply.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

namespace outrigger::discovery {
namespace {

using Json = nlohmann::json;

constexpr int kPortMax = 65'535;

// Null where there is none.
const Json& member(const Json& object, const char* name) {
  static const Json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// A number, or one as text; older codecs of Eureka write so.
std::optional<int64_t> number_of(const Json& value) {
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_true(const Json& value) {
  return value.is_boolean() ? value.get<bool>() : text_of(value) == "true";
}

// Reads items one by one. `take` gives what is wrong with one, or nothing.
class Items {
 public:
  using Take = std::function<std::string(const Json&)>;

  explicit Items(Take take) : x_take(std::move(take)) {}

  void add(const Json& item) {
    if (x_wrong.empty()) x_wrong = x_take(item);
  }
  const std::string& wrong() const { return x_wrong; }

 private:
  Take x_take;
  std::string x_wrong;
};

// is_item(depth, object) says which objects are items; what is left of the text is `rest`.
template <class IsItem>
Result<bool> parse(std::string_view body, IsItem is_item, Items& items, Json& rest) {
  const auto filter = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event != Json::parse_event_t::object_end || !is_item(depth, parsed)) return true;
    items.add(parsed);
    return false;
  };
  rest = Json::parse(body, filter, false);
  if (rest.is_discarded()) return failure("the answer is no JSON");
  if (!items.wrong().empty()) return failure(items.wrong());
  return true;
}

Result<Address> address_of(const std::string& host, std::optional<int64_t> port) {
  if (!port || *port < 1 || *port > kPortMax) {
    return failure("an instance has no usable port");
  }
  const auto address = Address::from_ip(host, static_cast<uint16_t>(*port));
  if (!address)
    return failure("an instance has no IP address, but \"" + host.substr(0, 100) + "\"");
  return *address;
}

int weight_of(const Json& weight) {
  constexpr int64_t kWeightMax = 1'000;
  return static_cast<int>(std::clamp<int64_t>(number_of(weight).value_or(1), 1, kWeightMax));
}

}  // namespace

Result<AddressList> read_consul(std::string_view body) {
  AddressList list;
  Items items([&](const Json& item) -> std::string {
    const Json& service = member(item, "Service");
    if (!service.is_object()) return "an item has no \"Service\"";
    std::string host = text_of(member(service, "Address"));
    if (host.empty()) host = text_of(member(member(item, "Node"), "Address"));
    const auto address = address_of(host, number_of(member(service, "Port")));
    if (!address) return address.error();
    list.push_back(
        {.address = *address, .weight = weight_of(member(member(service, "Weights"), "Passing"))});
    return {};
  });
  Json rest;
  const auto is_item = [](int depth, const Json&) { return depth == 1; };
  const auto parsed = parse(body, is_item, items, rest);
  if (!parsed) return failure(parsed.error());
  if (!rest.is_array()) return failure("the answer is no list");
  if (!rest.empty()) return failure("an item is no object");
  return list;
}

namespace {

// Of an application whose instances were taken: whether anything is left.
bool has_rest(const Json& application) {
  const Json& left = member(application, "instance");
  return !left.is_null() && !(left.is_array() && left.empty());
}

// What is wrong with what was no instance; empty: nothing.
std::string wrong_rest(const Json& rest) {
  constexpr const char* kNoInstance = "an instance has no address and status";
  const Json& one = member(rest, "application");
  const Json& many = member(rest, "applications");
  if (!one.is_object() && !many.is_object()) return "the answer is no application";
  if (has_rest(one)) return kNoInstance;
  const Json& applications = member(many, "application");
  if (applications.is_object() && has_rest(applications)) return kNoInstance;
  if (!applications.is_array()) return {};
  for (const Json& application : applications) {
    if (!application.is_object()) return "an application is no object";
    if (has_rest(application)) return kNoInstance;
  }
  return {};
}

}  // namespace

Result<AddressList> read_eureka(std::string_view body) {
  AddressList list;
  Items items([&](const Json& item) -> std::string {
    if (text_of(member(item, "status")) != "UP") return {};
    const Json& secure = member(item, "securePort");
    const Json& plain = member(item, "port");
    const bool is_plain = is_true(member(plain, "@enabled"));
    if (!is_plain && !is_true(member(secure, "@enabled"))) return "an instance has no open port";
    const auto address = address_of(text_of(member(item, "ipAddr")),
                                    number_of(member(is_plain ? plain : secure, "$")));
    if (!address) return address.error();
    list.push_back(
        {.address = *address, .zone = text_of(member(member(item, "metadata"), "zone"))});
    return {};
  });
  Json rest;
  // {"application": {"instance": [...]}}, or of a vip {"applications": {"application":
  // [{"instance": [...]}]}}; older servers write a list of one as what is in it.
  const auto is_item = [](int, const Json& object) {
    return object.contains("ipAddr") && object.contains("status");
  };
  const auto parsed = parse(body, is_item, items, rest);
  if (!parsed) return failure(parsed.error());
  if (const std::string wrong = wrong_rest(rest); !wrong.empty()) return failure(wrong);
  return list;
}

// ---- EndpointSlices

namespace {

// Also null: so Go writes a list that is empty.
bool is_list(const Json& value) { return value.is_null() || value.is_array(); }

// Whether it can be read. Ready takes calls; what terminates and serves still, only while nothing
// else does.
bool add_endpoint(const Json& endpoint, Slice& slice) {
  const Json& addresses = member(endpoint, "addresses");
  if (!endpoint.is_object() || !is_list(addresses)) return false;
  // The addresses of one endpoint are interchangeable, and today there is one.
  if (addresses.empty()) return true;
  const std::string ip = text_of(addresses.front());
  if (!Address::from_ip(ip, 0)) return false;
  const Json& conditions = member(endpoint, "conditions");
  const auto says = [&](const char* name, bool otherwise) {
    const Json& value = member(conditions, name);
    return value.is_boolean() ? value.get<bool>() : otherwise;
  };
  const bool ready = says("ready", true);
  const bool terminating = says("terminating", false);
  if (ready || (terminating && says("serving", ready))) {
    slice.endpoints.push_back({ip, !ready, text_of(member(endpoint, "zone"))});
  }
  return true;
}

// Whether it can be read.
bool add_port(const Json& port, Slice& slice) {
  const Json& value = member(port, "port");
  if (port.is_object() && value.is_null()) return true;  // every port: nothing to choose from
  const auto number = number_of(value);
  if (!number || *number < 1 || *number > kPortMax) return false;
  slice.ports.emplace_back(text_of(member(port, "name")), static_cast<uint16_t>(*number));
  return true;
}

Result<Slice> slice_of(const Json& object) {
  const Json& metadata = member(object, "metadata");
  Slice slice;
  slice.name = text_of(member(metadata, "name"));
  slice.service = text_of(member(member(metadata, "labels"), "kubernetes.io/service-name"));
  if (slice.name.empty()) return failure("an EndpointSlice has no name");
  const std::string type = text_of(member(object, "addressType"));
  if (type == "FQDN") return slice;
  const Json& ports = member(object, "ports");
  const auto port_is_read = [&](const Json& port) { return add_port(port, slice); };
  if (!is_list(ports) || !std::ranges::all_of(ports, port_is_read)) {
    return failure("an EndpointSlice has an absurd port");
  }
  const Json& endpoints = member(object, "endpoints");
  const auto endpoint_is_read = [&](const Json& each) { return add_endpoint(each, slice); };
  if (!is_list(endpoints) || !std::ranges::all_of(endpoints, endpoint_is_read)) {
    return failure("an EndpointSlice has an endpoint without an IP address");
  }
  return slice;
}

}  // namespace

Result<SlicePage> read_slices(std::string_view body) {
  SlicePage page;
  Items items([&](const Json& item) -> std::string {
    auto slice = slice_of(item);
    if (!slice) return slice.error();
    page.slices.push_back(std::move(*slice));
    return {};
  });
  Json rest;
  // {"metadata": {...}, "items": [{...}]}
  const auto is_item = [](int depth, const Json&) { return depth == 2; };
  const auto parsed = parse(body, is_item, items, rest);
  if (!parsed) return failure(parsed.error());
  const Json& left = member(rest, "items");
  if (!left.is_array()) return failure("the answer is no list");
  if (!left.empty()) return failure("an EndpointSlice is no object");
  page.version = text_of(member(member(rest, "metadata"), "resourceVersion"));
  page.next_page = text_of(member(member(rest, "metadata"), "continue"));
  return page;
}

Result<SliceEvent> read_slice_event(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  const Json& object = member(json, "object");
  if (json.is_discarded() || !object.is_object()) return failure("a line of the watch is no event");
  SliceEvent event;
  const std::string type = text_of(member(json, "type"));
  event.version = text_of(member(member(object, "metadata"), "resourceVersion"));
  if (type == "BOOKMARK") {
    event.kind = SliceEvent::Kind::kBookmark;
  } else if (type == "ADDED" || type == "MODIFIED" || type == "DELETED") {
    event.kind = type == "DELETED" ? SliceEvent::Kind::kDeleted : SliceEvent::Kind::kSet;
    auto slice = slice_of(object);
    if (!slice) return failure(slice.error());
    event.slice = std::move(*slice);
  } else if (type == "ERROR") {
    constexpr int64_t kGone = 410;
    const bool gone = number_of(member(object, "code")) == kGone;
    event.kind = gone ? SliceEvent::Kind::kGone : SliceEvent::Kind::kError;
    event.why = text_of(member(object, "message"));
  } else {
    return failure("an event of the watch has no known type");
  }
  return event;
}

std::string read_status(std::string_view body) {
  return text_of(member(Json::parse(body, nullptr, false), "message"));
}

}  // namespace outrigger::discovery
