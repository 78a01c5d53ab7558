// Which images a command works on.
#ifndef RADIO_CLIENT_CLI_INPUTS_H_
#define RADIO_CLIENT_CLI_INPUTS_H_

#include <cstddef>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace radio::client {

// Help text of the positional argument.
inline constexpr char kInputsHelp[] =
    "Images, folders (all .jpg, .jpeg, .png and .webp files below), glob patterns, or - for a "
    "list on standard input, one path a line";

// Of an image's file. Below the server's usual limit for a message (64 MiB): a message beyond it
// would end a stream.
inline constexpr size_t kMaxImageBytes = 60 << 20;

// The images that `arguments` name, in their order; what a folder or a pattern holds, sorted by
// bytes. A plain path need not exist: the image then fails, not the run. NOT_FOUND when a folder
// or pattern holds no image, INVALID_ARGUMENT when nothing is named.
absl::StatusOr<std::vector<std::string>> ExpandInputs(const std::vector<std::string>& arguments,
                                                      std::istream* standard_input);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_INPUTS_H_
