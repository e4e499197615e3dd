//! The operations, one by one: each is a function in the file of its noun. An operation that is not here answers
//! `NotImplemented`.

use super::{
    S3Settings, absent, absent::Absent, acl, bucket, copy, cors, delete, error::said, get, list, multipart, put,
    tagging, ticket, versions,
};
use crate::{domain::caller::Caller, service::Services};
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, dto};

type Ask<T> = S3Request<T>;
type Answer<T> = S3Result<S3Response<T>>;

/// What operations work with.
pub(super) struct Operations {
    pub(super) services: Services,
    pub(super) settings: S3Settings,
}

impl Operations {
    pub(super) fn new(services: Services, settings: S3Settings) -> Self {
        Self { services, settings }
    }

    /// Who asks.
    ///
    /// # Errors
    /// `AccessDenied` when nobody has proved anything, which the entry does not let through.
    pub(super) fn caller(&self) -> S3Result<Caller> {
        ticket::caller().ok_or_else(|| said(S3ErrorCode::AccessDenied, "The request is not signed"))
    }
}

#[async_trait::async_trait]
impl S3 for Operations {
    async fn list_buckets(&self, request: Ask<dto::ListBucketsInput>) -> Answer<dto::ListBucketsOutput> {
        bucket::list_buckets(self, request).await
    }

    async fn create_bucket(&self, request: Ask<dto::CreateBucketInput>) -> Answer<dto::CreateBucketOutput> {
        bucket::create_bucket(self, request).await
    }

    async fn head_bucket(&self, request: Ask<dto::HeadBucketInput>) -> Answer<dto::HeadBucketOutput> {
        bucket::head_bucket(self, request).await
    }

    async fn delete_bucket(&self, request: Ask<dto::DeleteBucketInput>) -> Answer<dto::DeleteBucketOutput> {
        bucket::delete_bucket(self, request).await
    }

    async fn get_bucket_location(
        &self,
        request: Ask<dto::GetBucketLocationInput>,
    ) -> Answer<dto::GetBucketLocationOutput> {
        bucket::get_bucket_location(self, request).await
    }

    async fn list_objects(&self, request: Ask<dto::ListObjectsInput>) -> Answer<dto::ListObjectsOutput> {
        list::list_objects(self, request).await
    }

    async fn list_objects_v2(&self, request: Ask<dto::ListObjectsV2Input>) -> Answer<dto::ListObjectsV2Output> {
        list::list_objects_v2(self, request).await
    }

    async fn put_object(&self, request: Ask<dto::PutObjectInput>) -> Answer<dto::PutObjectOutput> {
        put::put_object(self, request).await
    }

    async fn get_object(&self, request: Ask<dto::GetObjectInput>) -> Answer<dto::GetObjectOutput> {
        get::get_object(self, request).await
    }

    async fn head_object(&self, request: Ask<dto::HeadObjectInput>) -> Answer<dto::HeadObjectOutput> {
        get::head_object(self, request).await
    }

    async fn get_object_attributes(
        &self,
        request: Ask<dto::GetObjectAttributesInput>,
    ) -> Answer<dto::GetObjectAttributesOutput> {
        get::get_object_attributes(self, request).await
    }

    async fn copy_object(&self, request: Ask<dto::CopyObjectInput>) -> Answer<dto::CopyObjectOutput> {
        copy::copy_object(self, request).await
    }

    async fn delete_object(&self, request: Ask<dto::DeleteObjectInput>) -> Answer<dto::DeleteObjectOutput> {
        delete::delete_object(self, request).await
    }

    async fn delete_objects(&self, request: Ask<dto::DeleteObjectsInput>) -> Answer<dto::DeleteObjectsOutput> {
        delete::delete_objects(self, request).await
    }

    async fn create_multipart_upload(
        &self,
        request: Ask<dto::CreateMultipartUploadInput>,
    ) -> Answer<dto::CreateMultipartUploadOutput> {
        multipart::create_multipart_upload(self, request).await
    }

    async fn upload_part(&self, request: Ask<dto::UploadPartInput>) -> Answer<dto::UploadPartOutput> {
        multipart::upload_part(self, request).await
    }

    async fn upload_part_copy(&self, request: Ask<dto::UploadPartCopyInput>) -> Answer<dto::UploadPartCopyOutput> {
        copy::upload_part_copy(self, request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: Ask<dto::CompleteMultipartUploadInput>,
    ) -> Answer<dto::CompleteMultipartUploadOutput> {
        multipart::complete_multipart_upload(self, request).await
    }

    async fn abort_multipart_upload(
        &self,
        request: Ask<dto::AbortMultipartUploadInput>,
    ) -> Answer<dto::AbortMultipartUploadOutput> {
        multipart::abort_multipart_upload(self, request).await
    }

    async fn list_parts(&self, request: Ask<dto::ListPartsInput>) -> Answer<dto::ListPartsOutput> {
        multipart::list_parts(self, request).await
    }

    async fn list_multipart_uploads(
        &self,
        request: Ask<dto::ListMultipartUploadsInput>,
    ) -> Answer<dto::ListMultipartUploadsOutput> {
        multipart::list_multipart_uploads(self, request).await
    }

    async fn list_object_versions(
        &self,
        request: Ask<dto::ListObjectVersionsInput>,
    ) -> Answer<dto::ListObjectVersionsOutput> {
        versions::list_object_versions(self, request).await
    }

    async fn get_bucket_versioning(
        &self,
        request: Ask<dto::GetBucketVersioningInput>,
    ) -> Answer<dto::GetBucketVersioningOutput> {
        versions::get_bucket_versioning(self, request).await
    }

    async fn put_bucket_versioning(
        &self,
        request: Ask<dto::PutBucketVersioningInput>,
    ) -> Answer<dto::PutBucketVersioningOutput> {
        versions::put_bucket_versioning(self, request).await
    }

    async fn get_object_tagging(
        &self,
        request: Ask<dto::GetObjectTaggingInput>,
    ) -> Answer<dto::GetObjectTaggingOutput> {
        tagging::get_object_tagging(self, request).await
    }

    async fn put_object_tagging(
        &self,
        request: Ask<dto::PutObjectTaggingInput>,
    ) -> Answer<dto::PutObjectTaggingOutput> {
        tagging::put_object_tagging(self, request).await
    }

    async fn delete_object_tagging(
        &self,
        request: Ask<dto::DeleteObjectTaggingInput>,
    ) -> Answer<dto::DeleteObjectTaggingOutput> {
        tagging::delete_object_tagging(self, request).await
    }

    async fn get_bucket_tagging(
        &self,
        request: Ask<dto::GetBucketTaggingInput>,
    ) -> Answer<dto::GetBucketTaggingOutput> {
        tagging::get_bucket_tagging(self, request).await
    }

    async fn put_bucket_tagging(
        &self,
        request: Ask<dto::PutBucketTaggingInput>,
    ) -> Answer<dto::PutBucketTaggingOutput> {
        tagging::put_bucket_tagging(self, request).await
    }

    async fn delete_bucket_tagging(
        &self,
        request: Ask<dto::DeleteBucketTaggingInput>,
    ) -> Answer<dto::DeleteBucketTaggingOutput> {
        tagging::delete_bucket_tagging(self, request).await
    }

    async fn get_bucket_cors(&self, request: Ask<dto::GetBucketCorsInput>) -> Answer<dto::GetBucketCorsOutput> {
        cors::get_bucket_cors(self, request).await
    }

    async fn put_bucket_cors(&self, request: Ask<dto::PutBucketCorsInput>) -> Answer<dto::PutBucketCorsOutput> {
        cors::put_bucket_cors(self, request).await
    }

    async fn delete_bucket_cors(
        &self,
        request: Ask<dto::DeleteBucketCorsInput>,
    ) -> Answer<dto::DeleteBucketCorsOutput> {
        cors::delete_bucket_cors(self, request).await
    }

    async fn get_bucket_acl(&self, request: Ask<dto::GetBucketAclInput>) -> Answer<dto::GetBucketAclOutput> {
        acl::get_bucket_acl(self, request).await
    }

    async fn put_bucket_acl(&self, request: Ask<dto::PutBucketAclInput>) -> Answer<dto::PutBucketAclOutput> {
        acl::put_bucket_acl(self, request).await
    }

    async fn get_object_acl(&self, request: Ask<dto::GetObjectAclInput>) -> Answer<dto::GetObjectAclOutput> {
        acl::get_object_acl(self, request).await
    }

    async fn put_object_acl(&self, request: Ask<dto::PutObjectAclInput>) -> Answer<dto::PutObjectAclOutput> {
        acl::put_object_acl(self, request).await
    }

    // What nobody can have set: there is none.
    async fn get_bucket_policy(&self, request: Ask<dto::GetBucketPolicyInput>) -> Answer<dto::GetBucketPolicyOutput> {
        absent::none(self, &request.input.bucket, Absent::Policy).await
    }

    async fn get_bucket_policy_status(
        &self,
        request: Ask<dto::GetBucketPolicyStatusInput>,
    ) -> Answer<dto::GetBucketPolicyStatusOutput> {
        absent::none(self, &request.input.bucket, Absent::Policy).await
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        request: Ask<dto::GetBucketLifecycleConfigurationInput>,
    ) -> Answer<dto::GetBucketLifecycleConfigurationOutput> {
        absent::none(self, &request.input.bucket, Absent::Lifecycle).await
    }

    async fn get_bucket_encryption(
        &self,
        request: Ask<dto::GetBucketEncryptionInput>,
    ) -> Answer<dto::GetBucketEncryptionOutput> {
        absent::none(self, &request.input.bucket, Absent::Encryption).await
    }

    async fn get_bucket_website(
        &self,
        request: Ask<dto::GetBucketWebsiteInput>,
    ) -> Answer<dto::GetBucketWebsiteOutput> {
        absent::none(self, &request.input.bucket, Absent::Website).await
    }

    async fn get_bucket_replication(
        &self,
        request: Ask<dto::GetBucketReplicationInput>,
    ) -> Answer<dto::GetBucketReplicationOutput> {
        absent::none(self, &request.input.bucket, Absent::Replication).await
    }

    async fn get_object_lock_configuration(
        &self,
        request: Ask<dto::GetObjectLockConfigurationInput>,
    ) -> Answer<dto::GetObjectLockConfigurationOutput> {
        absent::none(self, &request.input.bucket, Absent::Locks).await
    }

    async fn get_object_retention(
        &self,
        request: Ask<dto::GetObjectRetentionInput>,
    ) -> Answer<dto::GetObjectRetentionOutput> {
        absent::none(self, &request.input.bucket, Absent::Lock).await
    }

    async fn get_object_legal_hold(
        &self,
        request: Ask<dto::GetObjectLegalHoldInput>,
    ) -> Answer<dto::GetObjectLegalHoldOutput> {
        absent::none(self, &request.input.bucket, Absent::Lock).await
    }

    async fn get_public_access_block(
        &self,
        request: Ask<dto::GetPublicAccessBlockInput>,
    ) -> Answer<dto::GetPublicAccessBlockOutput> {
        absent::none(self, &request.input.bucket, Absent::PublicAccessBlock).await
    }

    async fn get_bucket_accelerate_configuration(
        &self,
        request: Ask<dto::GetBucketAccelerateConfigurationInput>,
    ) -> Answer<dto::GetBucketAccelerateConfigurationOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn get_bucket_logging(
        &self,
        request: Ask<dto::GetBucketLoggingInput>,
    ) -> Answer<dto::GetBucketLoggingOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn get_bucket_notification_configuration(
        &self,
        request: Ask<dto::GetBucketNotificationConfigurationInput>,
    ) -> Answer<dto::GetBucketNotificationConfigurationOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn get_bucket_request_payment(
        &self,
        request: Ask<dto::GetBucketRequestPaymentInput>,
    ) -> Answer<dto::GetBucketRequestPaymentOutput> {
        absent::request_payment(self, request).await
    }

    async fn get_bucket_ownership_controls(
        &self,
        request: Ask<dto::GetBucketOwnershipControlsInput>,
    ) -> Answer<dto::GetBucketOwnershipControlsOutput> {
        absent::ownership(self, request).await
    }

    async fn put_bucket_ownership_controls(
        &self,
        request: Ask<dto::PutBucketOwnershipControlsInput>,
    ) -> Answer<dto::PutBucketOwnershipControlsOutput> {
        absent::set_ownership(self, request).await
    }

    async fn get_bucket_analytics_configuration(
        &self,
        request: Ask<dto::GetBucketAnalyticsConfigurationInput>,
    ) -> Answer<dto::GetBucketAnalyticsConfigurationOutput> {
        absent::none(self, &request.input.bucket, Absent::Other).await
    }

    async fn get_bucket_inventory_configuration(
        &self,
        request: Ask<dto::GetBucketInventoryConfigurationInput>,
    ) -> Answer<dto::GetBucketInventoryConfigurationOutput> {
        absent::none(self, &request.input.bucket, Absent::Other).await
    }

    async fn get_bucket_metrics_configuration(
        &self,
        request: Ask<dto::GetBucketMetricsConfigurationInput>,
    ) -> Answer<dto::GetBucketMetricsConfigurationOutput> {
        absent::none(self, &request.input.bucket, Absent::Other).await
    }

    async fn get_bucket_intelligent_tiering_configuration(
        &self,
        request: Ask<dto::GetBucketIntelligentTieringConfigurationInput>,
    ) -> Answer<dto::GetBucketIntelligentTieringConfigurationOutput> {
        absent::none(self, &request.input.bucket, Absent::Other).await
    }

    async fn list_bucket_analytics_configurations(
        &self,
        request: Ask<dto::ListBucketAnalyticsConfigurationsInput>,
    ) -> Answer<dto::ListBucketAnalyticsConfigurationsOutput> {
        let none = dto::ListBucketAnalyticsConfigurationsOutput { is_truncated: Some(false), ..Default::default() };
        absent::only(self, &request.input.bucket, none).await
    }

    async fn list_bucket_inventory_configurations(
        &self,
        request: Ask<dto::ListBucketInventoryConfigurationsInput>,
    ) -> Answer<dto::ListBucketInventoryConfigurationsOutput> {
        let none = dto::ListBucketInventoryConfigurationsOutput { is_truncated: Some(false), ..Default::default() };
        absent::only(self, &request.input.bucket, none).await
    }

    async fn list_bucket_metrics_configurations(
        &self,
        request: Ask<dto::ListBucketMetricsConfigurationsInput>,
    ) -> Answer<dto::ListBucketMetricsConfigurationsOutput> {
        let none = dto::ListBucketMetricsConfigurationsOutput { is_truncated: Some(false), ..Default::default() };
        absent::only(self, &request.input.bucket, none).await
    }

    async fn list_bucket_intelligent_tiering_configurations(
        &self,
        request: Ask<dto::ListBucketIntelligentTieringConfigurationsInput>,
    ) -> Answer<dto::ListBucketIntelligentTieringConfigurationsOutput> {
        let none =
            dto::ListBucketIntelligentTieringConfigurationsOutput { is_truncated: Some(false), ..Default::default() };
        absent::only(self, &request.input.bucket, none).await
    }

    // What is not there is deleted already.
    async fn delete_bucket_policy(
        &self,
        request: Ask<dto::DeleteBucketPolicyInput>,
    ) -> Answer<dto::DeleteBucketPolicyOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn delete_bucket_lifecycle(
        &self,
        request: Ask<dto::DeleteBucketLifecycleInput>,
    ) -> Answer<dto::DeleteBucketLifecycleOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn delete_bucket_website(
        &self,
        request: Ask<dto::DeleteBucketWebsiteInput>,
    ) -> Answer<dto::DeleteBucketWebsiteOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn delete_bucket_encryption(
        &self,
        request: Ask<dto::DeleteBucketEncryptionInput>,
    ) -> Answer<dto::DeleteBucketEncryptionOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn delete_bucket_replication(
        &self,
        request: Ask<dto::DeleteBucketReplicationInput>,
    ) -> Answer<dto::DeleteBucketReplicationOutput> {
        absent::empty(self, &request.input.bucket).await
    }

    async fn delete_public_access_block(
        &self,
        request: Ask<dto::DeletePublicAccessBlockInput>,
    ) -> Answer<dto::DeletePublicAccessBlockOutput> {
        absent::empty(self, &request.input.bucket).await
    }
}
