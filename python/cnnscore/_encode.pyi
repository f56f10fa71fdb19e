"""Types of cnnscore._encode, written by native/make_stubs.py: do not edit."""

from cnnscore._cffi import FFI, CData as CData

class _Lib:
    CNNSCORE_ANNOTATIONS_CALLER: int
    CNNSCORE_ANNOTATIONS_FILL: int
    CNNSCORE_ANNOTATIONS_READS: int
    CNNSCORE_ANNOTATION_AB: int
    CNNSCORE_ANNOTATION_AO: int
    CNNSCORE_ANNOTATION_BASE_Q_RANK_SUM: int
    CNNSCORE_ANNOTATION_DP: int
    CNNSCORE_ANNOTATION_FS: int
    CNNSCORE_ANNOTATION_MQ: int
    CNNSCORE_ANNOTATION_MQ_RANK_SUM: int
    CNNSCORE_ANNOTATION_OTHER: int
    CNNSCORE_ANNOTATION_QD: int
    CNNSCORE_ANNOTATION_READ_POS_RANK_SUM: int
    CNNSCORE_ANNOTATION_RELATIVE_DEPTH: int
    CNNSCORE_ANNOTATION_RO: int
    CNNSCORE_ANNOTATION_SOR: int
    CNNSCORE_ERR_BATCH: int
    CNNSCORE_ERR_INPUT: int
    CNNSCORE_ERR_INTERNAL: int
    CNNSCORE_ERR_NOMEM: int
    CNNSCORE_ERR_OUTPUT: int
    CNNSCORE_ERR_SERVER: int
    CNNSCORE_ERR_USAGE: int
    CNNSCORE_KIND_INDEL: int
    CNNSCORE_KIND_OTHER: int
    CNNSCORE_KIND_SNP: int
    CNNSCORE_MESSAGE_SIZE: int
    CNNSCORE_OK: int
    CNNSCORE_READS_GATK: int
    CNNSCORE_READS_NONE: int
    CNNSCORE_READS_PRIMARY: int
    CNNSCORE_READ_GAP: int
    CNNSCORE_READ_NONE: int
    CNNSCORE_READ_SCALARS: int
    CNNSCORE_READ_SPAN: int
    CNNSCORE_REF_A: int
    CNNSCORE_REF_ANY: int
    CNNSCORE_REF_C: int
    CNNSCORE_REF_G: int
    CNNSCORE_REF_GAP: int
    CNNSCORE_REF_NONE: int
    CNNSCORE_REF_T: int
    CNNSCORE_ROW_FIRST: int
    CNNSCORE_ROW_MATE_REVERSE: int
    CNNSCORE_ROW_REVERSE: int
    CNNSCORE_ROW_SECOND: int
    CNNSCORE_VARIANT_FEATURES: int
    def cnnscore_batch_alleles(self, a0: CData, a1: CData, a2: CData, a3: CData, a4: CData, /) -> int: ...
    def cnnscore_batch_check(self, a0: CData, a1: CData, /) -> int: ...
    def cnnscore_batch_has_parts(self, a0: CData, a1: CData, a2: CData, /) -> int: ...
    def cnnscore_cigar_letters(self, /) -> CData: ...
    def cnnscore_encode_gatk_reads(self, a0: CData, a1: CData, a2: int, a3: int, a4: int, a5: CData, a6: CData, a7: CData, a8: CData, a9: CData, /) -> int: ...
    def cnnscore_encode_gatk_reference(self, a0: CData, a1: CData, a2: int, a3: int, a4: CData, a5: CData, /) -> int: ...
    def cnnscore_encode_read_set(self, a0: CData, a1: CData, a2: CData, a3: CData, a4: CData, a5: CData, a6: CData, /) -> int: ...
    def cnnscore_encode_reference(self, a0: CData, a1: CData, a2: CData, a3: CData, a4: CData, a5: CData, /) -> int: ...
    def cnnscore_read_bases(self, a0: CData, a1: CData, /) -> None: ...
    def cnnscore_read_fields_of(self, a0: CData, a1: int, a2: CData, a3: CData, /) -> int: ...
    def cnnscore_read_letters(self, /) -> CData: ...

ffi: FFI
lib: _Lib
