#include "proxy/io/resolver.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <unordered_map>

#include <ares.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <sys/stat.h>

namespace outrigger::io {
namespace {

// Names of the hosts file change with the file, which says no TTL.
constexpr int64_t kHostsTtlS = 10;

bool equal_names(std::string_view a, std::string_view b) {
  if (a.ends_with('.')) a.remove_suffix(1);
  if (b.ends_with('.')) b.remove_suffix(1);
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::vector<Address> look_in_hosts(const std::string& path, std::string_view name) {
  std::vector<Address> found;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line) && found.size() < Resolver::kMaxAddresses) {
    line.resize(std::min(line.find('#'), line.size()));
    std::istringstream words(line);
    std::string ip;
    words >> ip;
    const auto address = Address::from_ip(ip, 0);
    if (!address) continue;
    for (std::string alias; words >> alias;) {
      if (!equal_names(alias, name)) continue;
      found.push_back(*address);
      break;
    }
  }
  return found;
}

int64_t changed_at(const char* path) {
  struct stat status {};
  if (::stat(path, &status) != 0) return 0;
  return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

constexpr const char* kResolvConf = "/etc/resolv.conf";

}  // namespace

// One lookup of its owner; it collects what the two queries say.
class Resolver::Lookup final : public Operation, public ListNode<Lookup> {
 public:
  Lookup(Resolver& resolver, std::string_view name, ResolveEvents& events)
      : x_resolver(resolver), x_events(events), x_name(name) {}
  ~Lookup() override;

  const std::string& name() const { return x_name; }
  bool is_doomed() const { return ListNode<Reapable>::is_linked(); }

  void answer(std::vector<Address> addresses, int64_t ttl_s) {
    x_answer = {std::move(addresses), ttl_s};
    x_resolver.x_loop.defer(x_deferred);
  }
  void expect(Query& query, size_t slot) { x_queries[slot] = &query; }
  void take(size_t slot, int status, const unsigned char* reply, int length);
  void fail(int status) {
    x_statuses = {status, status};
    x_resolver.x_loop.defer(x_deferred);
  }

 private:
  void report();
  void add(int family, const unsigned char* reply, int length, int& status);

  Resolver& x_resolver;
  ResolveEvents& x_events;
  std::string x_name;
  Resolved x_answer{.addresses = {}, .ttl_s = std::numeric_limits<int64_t>::max()};
  std::array<Query*, 2> x_queries{};
  std::array<int, 2> x_statuses{};
  Deferred x_deferred = Deferred::of<&Lookup::report>(*this);
};

// What c-ares holds while it asks. It outlives a lookup that was cancelled, since c-ares cannot
// take back a single query.
struct Resolver::Query {
  Resolver& resolver;
  Lookup* lookup;
  size_t slot;  // 0: A, 1: AAAA

  static void on_reply(void* self, int status, int, unsigned char* reply, int length) {
    const std::unique_ptr<Query> query(static_cast<Query*>(self));
    if (query->lookup != nullptr) query->lookup->take(query->slot, status, reply, length);
    query->resolver.query_finished();
  }
};

Resolver::Lookup::~Lookup() {
  for (Query* query : x_queries) {
    if (query != nullptr) query->lookup = nullptr;
  }
}

void Resolver::Lookup::take(size_t slot, int status, const unsigned char* reply, int length) {
  x_queries[slot] = nullptr;
  if (status == ARES_SUCCESS) add(slot == 0 ? AF_INET : AF_INET6, reply, length, status);
  x_statuses[slot] = status;
  if (x_queries[0] == nullptr && x_queries[1] == nullptr) x_resolver.x_loop.defer(x_deferred);
}

// The TTLs that c-ares gives are already the smallest along the chain of CNAMEs.
void Resolver::Lookup::add(int family, const unsigned char* reply, int length, int& status) {
  int count = kMaxAddresses;
  const auto note = [&](const void* ip, size_t size, int ttl_s) {
    if (x_answer.addresses.size() == kMaxAddresses) return;
    const auto* const bytes = static_cast<const uint8_t*>(ip);
    x_answer.addresses.push_back(Address::from_bytes({bytes, size}, 0));
    // A TTL with the top bit set counts as 0 (RFC 2181 section 8).
    x_answer.ttl_s = std::min<int64_t>(x_answer.ttl_s, std::max(ttl_s, 0));
  };
  if (family == AF_INET) {
    std::array<ares_addrttl, kMaxAddresses> found;
    status = ares_parse_a_reply(reply, length, nullptr, found.data(), &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
      note(&found[i].ipaddr, 4, found[i].ttl);
  } else {
    std::array<ares_addr6ttl, kMaxAddresses> found;
    status = ares_parse_aaaa_reply(reply, length, nullptr, found.data(), &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i)
      note(&found[i].ip6addr, 16, found[i].ttl);
  }
}

// One family's answer is an answer. "No address" must be said for both, else we do not know.
void Resolver::Lookup::report() {
  if (is_doomed()) return;
  if (!x_answer.addresses.empty()) return x_events.on_resolved(std::move(x_answer));
  const auto says_none = [](int status) {
    return status == ARES_ENODATA || status == ARES_ENOTFOUND || status == ARES_SUCCESS;
  };
  const auto timed_out = [](int status) { return status == ARES_ETIMEOUT; };
  const bool empty = std::ranges::all_of(x_statuses, says_none);
  const bool only_late = !empty && std::ranges::all_of(x_statuses, [&](int status) {
    return says_none(status) || timed_out(status);
  });
  x_events.on_resolve_failed(only_late ? Cause::kDnsTimeout : Cause::kDnsError, empty);
}

// The c-ares channel: its sockets are watched by the loop, its clock is the loop's.
class Resolver::Channel {
 public:
  Channel(Loop& loop, const ResolverOptions& options) : x_loop(loop) {
    ares_options settings{};
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_FLAGS | ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ;
    settings.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Channel*>(self)->watch(fd, readable != 0, writable != 0);
    };
    settings.sock_state_cb_data = this;
    settings.flags = ARES_FLAG_EDNS;
    settings.ednspsz = 1232;  // fits into one packet nearly everywhere (DNS flag day 2020)
    settings.lookups = const_cast<char*>("b");
    if (options.timeout_ms > 0) {
      mask |= ARES_OPT_TIMEOUTMS;
      settings.timeout = options.timeout_ms;
    }
    if (options.tries > 0) {
      mask |= ARES_OPT_TRIES;
      settings.tries = options.tries;
    }
    x_status = ares_init_options(&x_channel, &settings, mask);
    if (x_status != ARES_SUCCESS || options.servers.empty()) return;
    x_status = ares_set_servers_ports_csv(x_channel, options.servers.c_str());
  }
  ~Channel() {
    if (x_channel != nullptr) ares_destroy(x_channel);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  int status() const { return x_status; }
  int64_t config_changed_at() const { return x_config_changed_at; }

  void ask(const std::string& name, Query* query) {
    const int type = query->slot == 0 ? ns_t_a : ns_t_aaaa;
    if (name.ends_with('.')) {
      ares_query(x_channel, name.c_str(), ns_c_in, type, &Query::on_reply, query);
    } else {
      ares_search(x_channel, name.c_str(), ns_c_in, type, &Query::on_reply, query);
    }
    arm();
  }

 private:
  void watch(ares_socket_t fd, bool readable, bool writable) {
    if (!readable && !writable) {
      x_sockets.erase(fd);
      return;
    }
    UvHandle<uv_poll_t>& socket = x_sockets[fd];
    const auto init = [&](uv_poll_t* handle) { return uv_poll_init(x_loop.uv(), handle, fd); };
    if (!socket.is_open() && socket.open(this, init) < 0) return;
    uv_poll_start(socket.get(), (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                  [](uv_poll_t* handle, int status, int events) {
                    if (handle->data == nullptr) return;
                    static_cast<Channel*>(handle->data)->on_poll(handle, status, events);
                  });
  }

  void on_poll(uv_poll_t* handle, int status, int events) {
    const Loop::Turn turn(x_loop);
    uv_os_fd_t fd = -1;
    uv_fileno(reinterpret_cast<uv_handle_t*>(handle), &fd);
    if (status < 0) events = UV_READABLE | UV_WRITABLE;
    process((events & UV_READABLE) != 0 ? fd : ARES_SOCKET_BAD,
            (events & UV_WRITABLE) != 0 ? fd : ARES_SOCKET_BAD);
  }

  void on_timer() { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

  void process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(x_channel, readable, writable);
    arm();
  }

  void arm() {
    timeval wait{};
    if (ares_timeout(x_channel, nullptr, &wait) == nullptr) return x_timer.cancel();
    const int64_t in_ms = int64_t{wait.tv_sec} * 1000 + (wait.tv_usec + 999) / 1000;
    x_loop.context().timers.arm(x_timer, x_loop.context().clock.now_ms() + in_ms);
  }

  Loop& x_loop;
  ares_channel x_channel = nullptr;
  int x_status = ARES_SUCCESS;
  int64_t x_config_changed_at = changed_at(kResolvConf);
  std::unordered_map<ares_socket_t, UvHandle<uv_poll_t>> x_sockets;
  Timer x_timer = Timer::of<&Channel::on_timer>(*this);
};

Resolver::Resolver(Loop& loop, ResolverOptions options)
    : x_loop(loop), x_options(std::move(options)) {
  static const int once = ares_library_init(ARES_LIB_INIT_ALL);
  OUTRIGGER_ASSERT(once == ARES_SUCCESS);
}

Resolver::~Resolver() = default;

OperationPtr Resolver::resolve(std::string_view name, ResolveEvents& events) {
  auto lookup = std::make_unique<Lookup>(*this, name, events);
  if (const auto literal = Address::from_ip(name, 0)) {
    lookup->answer({*literal}, kHostsTtlS);
    return lookup;
  }
  if (!x_options.hosts_file.empty()) {
    std::vector<Address> found = look_in_hosts(x_options.hosts_file, name);
    if (!found.empty()) {
      lookup->answer(std::move(found), kHostsTtlS);
      return lookup;
    }
  }
  if (x_in_flight >= kMaxInFlight) {
    x_waiting.push_back(*lookup);
  } else {
    submit(*lookup);
  }
  return lookup;
}

void Resolver::submit(Lookup& lookup) {
  if (!refresh_channel()) return lookup.fail(x_channel->status());
  x_in_flight += 2;
  std::array<std::unique_ptr<Query>, 2> queries;
  for (size_t slot = 0; slot < queries.size(); ++slot) {
    queries[slot] = std::make_unique<Query>(Query{*this, &lookup, slot});
    lookup.expect(*queries[slot], slot);
  }
  const std::string name = lookup.name();
  for (auto& query : queries) x_channel->ask(name, query.release());
}

// A query can finish while it is being asked: the loop below takes the place of a recursion.
void Resolver::query_finished() {
  --x_in_flight;
  if (x_pumping) return;
  x_pumping = true;
  while (x_in_flight < kMaxInFlight && !x_waiting.empty()) submit(x_waiting.pop_front());
  x_pumping = false;
}

// The system's configuration is read again when it has changed and nothing is under way.
bool Resolver::refresh_channel() {
  const bool stale = x_channel != nullptr && x_in_flight == 0 && x_options.servers.empty() &&
                     x_channel->config_changed_at() != changed_at(kResolvConf);
  const bool unusable = x_channel != nullptr && x_channel->status() != ARES_SUCCESS;
  if (x_channel == nullptr || stale || unusable) {
    x_channel = std::make_unique<Channel>(x_loop, x_options);
  }
  return x_channel->status() == ARES_SUCCESS;
}

}  // namespace outrigger::io
