// Sends a job's images and stores the answers, in input order.
#ifndef RADIO_CLIENT_CLI_EMBED_RUN_H_
#define RADIO_CLIENT_CLI_EMBED_RUN_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "client/cli/embed_store.h"
#include "client/cli/row_queue.h"
#include "client/feature_client.h"
#include "model/base/mutex.h"

namespace radio::client {

// Whether a failed answer says something about its image. Anything else (no server, no right, an
// overload that did not pass, a fault of the device) would make a row that another run would not
// make: the run ends instead and can be resumed.
bool IsImagesOwnFailure(const absl::Status& status);

// One thread reads files and sends them, one stores what came back, gRPC's receive.
class EmbedRun {
 public:
  // Called after each stored image, on the storing thread.
  using OnStored = std::function<void(int64_t stored, int64_t failed)>;

  // `client` and `store` outlive it. `in_flight` images are sent and unanswered at most, and four
  // times as many wait for an earlier one to be stored.
  EmbedRun(const FeatureClient& client, EmbedStore* store, int in_flight, OnStored on_stored);

  // Blocks until the whole job is stored (OK), or until what comes first: a failure that is no
  // image's own, a full disk, or Stop.
  absl::Status Run();

  // Makes Run return `status` soon. Thread-safe; only the first one counts.
  void Stop(const absl::Status& status);

 private:
  // Takes note of the reason, without touching the stream: callbacks may do that.
  void StopQueue(const absl::Status& status);
  bool SendOne(int64_t index);
  void OnResult(int64_t index, absl::StatusOr<ImageFeatures> result);
  void StoreAll();

  EmbedStore* const store_;
  const OnStored on_stored_;
  RowQueue<EmbedRow> rows_;

  Mutex mutex_;
  absl::Status stopped_ ABSL_GUARDED_BY(mutex_);
  // Of the images in flight.
  std::map<int64_t, std::string> sha256_ ABSL_GUARDED_BY(mutex_);

  // Last: its callbacks use the rest.
  const std::unique_ptr<FeatureStream> stream_;
};

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_EMBED_RUN_H_
