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
  return list;
}

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
  if (!member(rest, "application").is_object() && !member(rest, "applications").is_object()) {
    return failure("the answer is no application");
  }
  return list;
}

// ---- EndpointSlices

namespace {

// Ready takes calls; what terminates and serves still, only while nothing else does.
void add_endpoint(const Json& endpoint, Slice& slice) {
  const Json& conditions = member(endpoint, "conditions");
  const auto says = [&](const char* name, bool otherwise) {
    const Json& value = member(conditions, name);
    return value.is_boolean() ? value.get<bool>() : otherwise;
  };
  const bool ready = says("ready", true);
  const bool terminating = says("terminating", false);
  if (!ready && !(terminating && says("serving", ready))) return;
  const Json& addresses = member(endpoint, "addresses");
  // The addresses of one endpoint are interchangeable, and today there is one.
  if (!addresses.is_array() || addresses.empty()) return;
  slice.endpoints.push_back(
      {text_of(addresses.front()), !ready, text_of(member(endpoint, "zone"))});
}

Result<Slice> slice_of(const Json& object) {
  const Json& metadata = member(object, "metadata");
  Slice slice;
  slice.name = text_of(member(metadata, "name"));
  slice.service = text_of(member(member(metadata, "labels"), "kubernetes.io/service-name"));
  if (slice.name.empty()) return failure("an EndpointSlice has no name");
  const std::string type = text_of(member(object, "addressType"));
  if (type == "FQDN") return slice;
  for (const Json& port : member(object, "ports")) {
    const auto number = number_of(member(port, "port"));
    if (!number) continue;  // every port: nothing to choose from
    if (*number < 1 || *number > kPortMax) return failure("an EndpointSlice has an absurd port");
    slice.ports.emplace_back(text_of(member(port, "name")), static_cast<uint16_t>(*number));
  }
  for (const Json& endpoint : member(object, "endpoints")) add_endpoint(endpoint, slice);
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
  if (!member(rest, "items").is_array()) return failure("the answer is no list");
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

}  // namespace outrigger::discovery
