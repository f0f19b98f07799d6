package kms

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// awsCredentials finds the credentials of a server, in the order of the SDK: variables, a web identity (EKS), a container's endpoint (ECS, EKS Pod
// Identity), the role of an EC2 instance. The SDK's own chain adds the files and the sign-on of a person at a desk, and another megabyte.
func awsCredentials(region string) (aws.CredentialsProvider, error) {
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	tokenFile, role := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE"), os.Getenv("AWS_ROLE_ARN")
	switch {
	case id != "" && secret != "":
		return credentials.NewStaticCredentialsProvider(id, secret, os.Getenv("AWS_SESSION_TOKEN")), nil
	case tokenFile != "" && role != "":
		options := sts.Options{Region: region, HTTPClient: newClient()}
		if value := os.Getenv("AWS_ENDPOINT_URL_STS"); value != "" {
			at, err := endpoint("AWS_ENDPOINT_URL_STS", value)
			if err != nil {
				return nil, err
			}
			options.BaseEndpoint = &at
		}
		return aws.NewCredentialsCache(stscreds.NewWebIdentityRoleProvider(sts.New(options), role, stscreds.IdentityTokenFile(tokenFile))), nil
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		return containerCredentials()
	case strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		return nil, errors.New("kms: there are no credentials for AWS KMS: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the process a role")
	default:
		return aws.NewCredentialsCache(ec2rolecreds.New()), nil
	}
}

// containerHosts are where a container's credentials may come from over plain HTTP: addresses of the machine itself.
var containerHosts = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23"}

func containerCredentials() (aws.CredentialsProvider, error) {
	at := "http://" + containerHosts[0] + os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
	if full := os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI"); full != "" {
		at = full
		u, err := url.Parse(full)
		local := err == nil && u.Scheme == "http" && (loopback(u.Hostname()) || slices.Contains(containerHosts, u.Hostname()))
		if !local && (err != nil || u.Scheme != "https") {
			return nil, errors.New("kms: AWS_CONTAINER_CREDENTIALS_FULL_URI must be an https URL, or one of this machine")
		}
	}
	return aws.NewCredentialsCache(endpointcreds.New(at, func(o *endpointcreds.Options) {
		o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				text, err := os.ReadFile(file)
				if err != nil {
					return "", fmt.Errorf("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: %w", err)
				}
				return strings.TrimSpace(string(text)), nil
			})
		}
	})), nil
}
