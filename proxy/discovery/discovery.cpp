#include "proxy/discovery/discovery.hpp"

#include <algorithm>
#include <set>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "proxy/base/assert.hpp"

namespace outrigger::discovery {
namespace {

using Kind = config::EndpointSource::Kind;

// Registries by kind and name.
using Asked = std::set<std::pair<Kind, std::string>>;

void collect(const config::EndpointSource& source, Asked& asked) {
  asked.emplace(source.kind, source.registry);
  for (const auto& part : source.parts) collect(part, asked);
}

SourceKind kind_of(const config::EndpointSource& leaf) {
  if (leaf.kind == Kind::kFile) return SourceKind::kFile;
  if (leaf.kind == Kind::kDns) return SourceKind::kDns;
  if (leaf.kind == Kind::kConsul) return SourceKind::kConsul;
  if (leaf.kind == Kind::kEureka) return SourceKind::kEureka;
  if (leaf.kind == Kind::kKubernetes) return SourceKind::kKubernetes;
  return SourceKind::kStatic;
}

SourceKind first_leaf(const config::EndpointSource& source) {
  return source.parts.empty() ? kind_of(source) : first_leaf(source.parts.front());
}

// Those of sources that can fail are there from the start.
void begin_counting(const config::EndpointSource& source, Discovery::Errors& errors) {
  for (const auto& part : source.parts) begin_counting(part, errors);
  const SourceKind kind = kind_of(source);
  if (source.parts.empty() && kind != SourceKind::kStatic) errors.try_emplace(kind, 0);
}

// Loopback and link-local ones are the operator's word; our own listeners are refused when dialled.
bool is_usable(const Address& address) {
  if (!address.is_ip() || address.port() == 0 || address.is_any()) return false;
  const auto first = address.ip()[0];
  const bool is_ipv4 = address.kind() == Address::Kind::kIpv4;
  const bool is_multicast = is_ipv4 ? first >= 224 && first < 240 : first == 0xff;
  return !is_multicast;
}

struct Checked {
  AddressList list;
  size_t left_out = 0;  // beyond the bounds
  std::string mistake;  // empty: all of it is usable
};

// Those that serve already come first, so that a name whose answers differ each time does not
// replace its endpoints with each. The order stays.
void bound(Checked& checked, const AddressList& serving, size_t most) {
  if (checked.list.size() <= most) return;
  checked.left_out = checked.list.size() - most;
  std::unordered_set<Address> known;
  for (const upstream::ListedAddress& listed : serving) known.insert(listed.address);
  const auto is_new = [&](const upstream::ListedAddress& listed) {
    return !known.contains(listed.address);
  };
  auto room = static_cast<int64_t>(most) -
              (std::ssize(checked.list) - std::ranges::count_if(checked.list, is_new));
  std::erase_if(checked.list, [&](const auto& listed) { return is_new(listed) && room-- <= 0; });
  checked.mistake = "more than " + std::to_string(most) + " endpoints; " +
                    std::to_string(checked.left_out) + " are left out";
}

Checked checked(const AddressList& given, const AddressList& serving, size_t most) {
  Checked out;
  std::unordered_set<Address> seen;
  for (const upstream::ListedAddress& listed : given) {
    if (!is_usable(listed.address)) {
      out.mistake = listed.address.to_string() + " is no address of an instance; left out";
    } else if (seen.insert(listed.address).second) {
      out.list.push_back(listed);
    }
  }
  bound(out, serving, most);
  return out;
}

}  // namespace

// The sources of one service, and what came of them.
class Discovery::Tree final : private SourceEvents {
 public:
  using Published = std::optional<AddressList>;

  Tree(Discovery& discovery, const config::ServiceConfig& config,
       std::shared_ptr<upstream::Service> service, const Memory& memory, Published published)
      : x_discovery(discovery),
        x_config(config.endpoints),
        x_service(std::move(service)),
        x_registries(registries_of(x_config, discovery.x_registries)),
        x_settings{config.policy.keep_last_ms},
        x_published(std::move(published)),
        x_root(make_source(x_config, discovery.x_surroundings, discovery.x_registries, memory,
                           x_settings, *this)) {}

  void start() { x_root->start(); }

  bool still_suits(const config::ServiceConfig& config, const upstream::Service& service) const {
    return x_config == config.endpoints && x_service.get() == &service &&
           x_registries == registries_of(x_config, x_discovery.x_registries);
  }
  void set_keep_last(std::optional<int64_t> keep_last_ms) {
    x_settings.keep_last_ms = keep_last_ms;
  }

  const Source& root() const { return *x_root; }
  size_t left_out() const { return x_left_out; }
  size_t endpoints() const { return x_published ? x_published->size() : 0; }
  uint64_t doubts() const { return x_doubts; }
  // What its successor starts from, when it serves the same Service.
  Published published(const upstream::Service& service) const {
    return x_service.get() == &service ? x_published : std::nullopt;
  }

 private:
  void on_list(const AddressList& given) override {
    x_service->set_list_from_disk(x_root->is_from_disk());
    const size_t most =
        std::min(kMaxEndpoints, kMaxEndpointsInAll - x_discovery.endpoints_beside(*this));
    Checked list = checked(given, x_published.value_or(AddressList()), most);
    x_left_out = list.left_out;
    const int64_t now_ms = x_discovery.x_surroundings.loop.clock.now_ms();
    if (x_published && same_list(*x_published, list.list)) {
      x_service->discovery_confirmed(now_ms);
    } else {
      x_published = std::move(list.list);
      x_discovery.x_events.on_endpoints(x_service->name(),
                                        x_service->set_endpoints(*x_published, now_ms));
    }
    note(list.mistake);
  }

  // A source that answers often says the same again: that is one error, until it says another.
  void note(const std::string& mistake) {
    const bool is_known = mistake == std::exchange(x_mistake, mistake);
    if (mistake.empty()) return;
    is_known ? x_service->discovery_failed(mistake, false)
             : on_failed(first_leaf(x_config), mistake);
  }

  void on_failed(SourceKind kind, const std::string& why) override {
    ++x_discovery.x_errors[x_service->name()][kind];
    x_service->discovery_failed(why);
    x_discovery.x_events.on_discovery_failed(x_service->name(), kind, why);
  }

  void on_doubted(size_t lost, size_t of) override {
    ++x_doubts;
    x_discovery.x_events.on_list_doubted(x_service->name(), lost, of);
  }

  Discovery& x_discovery;
  const config::EndpointSource x_config;
  const std::shared_ptr<upstream::Service> x_service;
  const std::vector<std::shared_ptr<const void>> x_registries;
  TreeSettings x_settings;
  Published x_published;
  size_t x_left_out = 0;
  uint64_t x_doubts = 0;
  std::string x_mistake;  // of the latest list
  const SourcePtr x_root;
};

Discovery::Discovery(Surroundings surroundings, RegistryAccess access, DiscoveryEvents& events)
    : x_surroundings(std::move(surroundings)), x_access(std::move(access)), x_events(events) {}

Discovery::~Discovery() = default;

void Discovery::apply(const config::Config& config, const upstream::Services& services) {
  apply_registries(config);
  const auto is_gone = [&](const auto& of) { return config.find_service(of.first) == nullptr; };
  std::erase_if(x_trees, is_gone);
  std::erase_if(x_errors, is_gone);
  for (const config::ServiceConfig& each : config.services) {
    const auto service = services.find(each.name);
    OUTRIGGER_ASSERT(service != nullptr);
    begin_counting(each.endpoints, x_errors[each.name]);
    std::unique_ptr<Tree>& tree = x_trees[each.name];
    if (tree && tree->still_suits(each, *service)) {
      tree->set_keep_last(each.policy.keep_last_ms);
      continue;
    }
    Memory memory = x_kept;
    if (tree) tree->root().remember(memory);
    auto published = tree ? tree->published(*service) : std::nullopt;
    tree = std::make_unique<Tree>(*this, each, service, memory, std::move(published));
    tree->start();
  }
  x_kept.clear();
}

Memory Discovery::remember() const {
  Memory memory;
  for (const auto& [name, tree] : x_trees) tree->root().remember(memory);
  return memory;
}

// What is as it was stays, with its connections. Those that no service asks are not there; but for
// DNS, which passthrough asks too.
void Discovery::apply_registries(const config::Config& config) {
  Asked asked;
  for (const config::ServiceConfig& service : config.services) collect(service.endpoints, asked);
  const auto update = [&](Kind kind, auto& known, const auto& configured, const auto& make) {
    std::remove_reference_t<decltype(known)> registries;
    for (const auto& settings : configured) {
      if (kind != Kind::kDns && !asked.contains({kind, settings.name})) continue;
      const auto found = known.find(settings.name);
      const bool is_same = found != known.end() && found->second.settings == settings;
      registries[settings.name] = is_same ? found->second : make(settings);
    }
    known = std::move(registries);
  };
  const auto server = [&](const std::string& name, const std::vector<std::string>& urls,
                          const std::optional<std::string>& token_file) {
    return std::make_shared<RegistryServer>(x_access.transport, x_surroundings.files,
                                            x_access.tls(name), urls, token_file);
  };
  update(Kind::kDns, x_registries.dns, config.registries.dns,
         [&](const config::DnsRegistryConfig& dns) {
           return DnsRegistry{dns, x_surroundings.open_dns(dns)};
         });
  using Consul = config::ConsulRegistryConfig;
  update(Kind::kConsul, x_registries.consul, config.registries.consul, [&](const Consul& consul) {
    return HttpRegistry<Consul>{consul, server(consul.name, {consul.url}, consul.token_file)};
  });
  using Eureka = config::EurekaRegistryConfig;
  update(Kind::kEureka, x_registries.eureka, config.registries.eureka, [&](const Eureka& eureka) {
    return HttpRegistry<Eureka>{eureka, server(eureka.name, eureka.urls, std::nullopt)};
  });
  using Kubernetes = config::KubernetesRegistryConfig;
  update(Kind::kKubernetes, x_registries.kubernetes, config.registries.kubernetes,
         [&](const Kubernetes& kubernetes) {
           return KubernetesRegistry{
               kubernetes, std::make_shared<KubernetesApi>(x_surroundings, x_access, kubernetes)};
         });
}

size_t Discovery::endpoints_beside(const Tree& tree) const {
  size_t sum = 0;
  for (const auto& [name, other] : x_trees) {
    if (other != nullptr && other.get() != &tree) sum += other->endpoints();
  }
  return std::min(sum, kMaxEndpointsInAll);
}

Discovery::Errors Discovery::errors(std::string_view service) const {
  const auto found = x_errors.find(service);
  return found == x_errors.end() ? Errors() : found->second;
}

bool Discovery::all_answered() const {
  return std::ranges::all_of(x_trees,
                             [](const auto& tree) { return tree.second->root().answered(); });
}

std::optional<int64_t> Discovery::age_ms(std::string_view service) const {
  const auto found = x_trees.find(service);
  if (found == x_trees.end() || !found->second->root().answered()) return std::nullopt;
  return found->second->root().age_ms();
}

bool Discovery::is_from_disk(std::string_view service) const {
  const auto found = x_trees.find(service);
  return found != x_trees.end() && found->second->root().is_from_disk();
}

uint64_t Discovery::doubts(std::string_view service) const {
  const auto found = x_trees.find(service);
  return found == x_trees.end() ? 0 : found->second->doubts();
}

size_t Discovery::left_out(std::string_view service) const {
  const auto found = x_trees.find(service);
  return found == x_trees.end() ? 0 : found->second->left_out();
}

}  // namespace outrigger::discovery
