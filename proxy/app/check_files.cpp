#include "proxy/app/check_files.hpp"

#include "proxy/app/fetched_files.hpp"
#include "proxy/app/tls_options.hpp"
#include "proxy/io/disk.hpp"

namespace outrigger::app {

std::vector<config::Problem> check_files(const config::Loaded& loaded, int64_t now_unix_s) {
  FetchedFiles files;
  Proposal proposal(loaded, [&](const std::string& path) { return files.bytes(path); });
  for (const config::NamedFile& file : loaded.named) {
    files.put(file.path, io::read_file(file.path));
    const std::string why = files.why_useless(file);
    if (!why.empty()) proposal.refuse(file.problem(why));
  }
  for (const TlsSection& section : tls_sections(loaded.config)) {
    prepare_tls(proposal, section, now_unix_s);
  }
  return proposal.problems();
}

}  // namespace outrigger::app
