// How far a long run is, in words.
#ifndef RADIO_CLIENT_CLI_PROGRESS_H_
#define RADIO_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace radio::client {

// Pure text: the caller writes it. Not thread-safe.
class Progress {
 public:
  // `already` of `total` images were done before `start`. A terminal gets a bar that overwrites
  // itself ten times a second, anything else a line every five seconds.
  Progress(int64_t total, int64_t already, bool terminal, absl::Time start);

  // What to write now that `done` images are done, `failed` of them badly; nothing when it is too
  // early for the next report.
  std::optional<std::string> Report(int64_t done, int64_t failed, absl::Time now);

  // Ends the bar's line; empty elsewhere.
  std::string End() const { return terminal_ && reported_ ? "\n" : ""; }

 private:
  const int64_t total_;
  const int64_t already_;
  const bool terminal_;
  const absl::Time start_;
  absl::Time next_;
  bool reported_ = false;
};

// "1:02:03", "2:03".
std::string FormatSeconds(absl::Duration duration);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_PROGRESS_H_
