package org.cnnscore.gatk;

import htsjdk.samtools.SAMRecord;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;
import org.broadinstitute.hellbender.engine.ReadsContext;
import org.broadinstitute.hellbender.utils.SimpleInterval;
import org.broadinstitute.hellbender.utils.read.GATKRead;
import org.broadinstitute.hellbender.utils.read.SAMRecordToGATKReadAdapter;

/**
 * The reads over sites that come in order, as BAM records. Neighbouring sites share one region
 * query, whose reads stay in a pool for as long as a later site may need them. What native/window
 * does, with GATK's readers and filters; coordinates are 0-based half-open.
 */
final class SiteReads {

  /** A site closer than this to those before it goes on with their query. */
  private static final int SHARED_QUERY_GAP = 8192;

  /** A query reaches this far past its first site. */
  private static final int QUERY_REACH = 1 << 18;

  /** A site that spans more than this is read alone, its reads sampled as they stream by. */
  private static final int LONG_SITE = 20_000;

  /** So is every site where more bytes of reads than this lie in the pool. */
  private static final long POOL_BYTES = 128L << 20;

  private record Pooled(byte[] record, int start, int end) {}

  private final Predicate<GATKRead> filter;
  private final Reservoir reservoir;
  private final byte[][] chosen;

  private List<Pooled> pool = new ArrayList<>();
  private long poolBytes;
  private Iterator<GATKRead> query = Collections.emptyIterator();
  private GATKRead next;
  private SAMRecord head;
  private String contig = "";
  private int contigLength;
  private int queryStart;
  private int querySeen;
  private int queryEnd;
  private long sitesSampled;
  private long sitesEmpty;

  SiteReads(Predicate<GATKRead> filter, int limit, Reservoir.Downsampling how) {
    this.filter = filter;
    this.reservoir = new Reservoir(limit, how);
    this.chosen = new byte[limit][];
  }

  /** Sites whose reads had to be sampled. */
  long sitesSampled() {
    return sitesSampled;
  }

  /** Sites without a read. */
  long sitesEmpty() {
    return sitesEmpty;
  }

  /**
   * Reads over [start, end), each an encoded record; the list is valid until the next call.
   *
   * @param source GATK's door to all reads
   */
  List<byte[]> over(
      ReadsContext source, String siteContig, int siteContigLength, int start, int end) {
    if (!siteContig.equals(contig)) {
      endQuery();
      contig = siteContig;
      contigLength = siteContigLength;
    }
    int last = Math.max(Math.min(end, contigLength), start + 1);
    boolean alone = last - start > LONG_SITE;
    if (!alone) {
      enterQuery(source, start, last);
      trim(start);
      alone = !fill(start, last);
    }
    reservoir.start(contig, start);
    int seen = alone ? stream(source, start, last) : sample(last);
    if (reservoir.overflowed()) {
      sitesSampled++;
    }
    if (seen == 0) {
      sitesEmpty++;
    }
    return Arrays.asList(chosen).subList(0, seen);
  }

  private int sample(int end) {
    int kept = 0;
    for (Pooled read : pool) {
      if (read.start >= end) {
        break;
      }
      kept = keep(read.record, kept);
    }
    return kept;
  }

  private int keep(byte[] record, int kept) {
    int slot = reservoir.slot();
    if (slot >= 0) {
      chosen[slot] = record;
    }
    return slot >= kept ? slot + 1 : kept;
  }

  private int stream(ReadsContext source, int start, int end) {
    endQuery();
    startQuery(source, start, end);
    int kept = 0;
    for (; head != null && head.getAlignmentStart() - 1 < end; advance()) {
      if (BamRecords.end(head) > start && filter.test(next)) {
        int slot = reservoir.slot();
        if (slot >= 0) {
          chosen[slot] = BamRecords.encode(head);
          kept = Math.max(kept, slot + 1);
        }
      }
    }
    endQuery();
    return kept;
  }

  /** Pools the reads that start before {@code end}; false when there are too many to hold. */
  private boolean fill(int start, int end) {
    for (; head != null && head.getAlignmentStart() - 1 < end; advance()) {
      if (BamRecords.end(head) > start && filter.test(next)) {
        byte[] record = BamRecords.encode(head);
        pool.add(new Pooled(record, head.getAlignmentStart() - 1, BamRecords.end(head)));
        poolBytes += record.length;
        if (poolBytes > POOL_BYTES) {
          return false;
        }
      }
    }
    return true;
  }

  /** Makes the running query one that the site can go on with. */
  private void enterQuery(ReadsContext source, int start, int end) {
    boolean goesOn =
        start >= queryStart && start < (long) querySeen + SHARED_QUERY_GAP && end <= queryEnd;
    if (!goesOn) {
      endQuery();
      startQuery(source, start, (int) Math.min((long) end + QUERY_REACH, contigLength));
      querySeen = end;
    }
    queryStart = start;
    querySeen = Math.max(querySeen, end);
  }

  private void startQuery(ReadsContext source, int start, int end) {
    query = source.iterator(new SimpleInterval(contig, start + 1, Math.max(end, start + 1)));
    queryEnd = end;
    advance();
  }

  private void endQuery() {
    pool = new ArrayList<>();
    poolBytes = 0;
    query = Collections.emptyIterator();
    next = null;
    head = null;
    queryEnd = 0;
  }

  private void trim(int start) {
    pool.removeIf(
        read -> {
          if (read.end > start) {
            return false;
          }
          poolBytes -= read.record.length;
          return true;
        });
  }

  private void advance() {
    next = query.hasNext() ? query.next() : null;
    head = next == null ? null : ((SAMRecordToGATKReadAdapter) next).getEncapsulatedSamRecord();
  }
}
