// Whether a file on disk is the one that somebody recorded.
#ifndef RADIO_CONFIG_FILE_CHECK_H_
#define RADIO_CONFIG_FILE_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace radio::config {

// OK when `path` is a regular file (no symbolic link, not writable by everybody) of `byte_size`
// bytes and of the SHA-256 `sha256`, in lower-case hexadecimal; otherwise the error names the file,
// what it is and what it should be. Blocks: reads the whole file.
absl::Status VerifyFile(const std::string& path, int64_t byte_size, absl::string_view sha256);

}  // namespace radio::config

#endif  // RADIO_CONFIG_FILE_CHECK_H_
